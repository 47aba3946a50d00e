"""What the OpenAPI document promises, tried with requests made from it, right and wrong ones."""

import os
import re
import subprocess
import sys
from pathlib import Path

from emulator.bootstrap import ROOT

HERE = Path(__file__).parent
EXAMPLES = os.environ.get("QUICKTHUMB_SCHEMATHESIS_EXAMPLES", "")
"""How many requests to make of each operation; without it a few, and the same ones each time."""


def test_schemathesis_finds_nothing(url, tmp_path):
    extent = ["--max-examples", EXAMPLES or "5"]
    if not EXAMPLES:
        extent.append("--generation-deterministic")
    command = [
        *(sys.executable, "-m", "schemathesis.cli"),
        *("--config-file", str(HERE / "schemathesis.toml")),
        *("run", f"{url}/openapi.json"),
        *("--checks", "all", "--no-color", "--continue-on-failure", *extent),
    ]
    result = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ
        | {
            "SCHEMATHESIS_HOOKS": str(HERE / "schemathesis_hooks.py"),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "functions")]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    print(result.stdout)
    assert result.returncode == 0, result.stdout + result.stderr
    [generated] = re.findall(r"([0-9,]+) generated", result.stdout)
    assert int(generated.replace(",", "")) >= 300
