"""No dependency that is deployed has a known vulnerability, as far as that can be known here."""

import json
import re
import subprocess
import sys

import pytest

from emulator.bootstrap import ROOT

PINNED = ("functions/requirements.txt", "functions/constraints.txt")


def test_what_is_deployed_has_no_known_vulnerability():
    files = [option for name in PINNED for option in ("--requirement", name)]
    result = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "pip_audit",
                "--disable-pip",
                "--no-deps",
                "--progress-spinner",
            ),
            *("off", "--format", "json", *files),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if not result.stdout:
        pytest.skip(f"pip-audit does not reach its data here: {result.stderr[-300:]}")
    verdicts = json.loads(result.stdout)["dependencies"]
    audited = [verdict for verdict in verdicts if "skip_reason" not in verdict]
    if not audited:
        pytest.skip("pip-audit does not reach its data here: PyPI's list of vulnerabilities")
    assert not [verdict for verdict in audited if verdict["vulns"]]


def test_every_dependency_is_pinned_to_one_version():
    for name in (*PINNED, "requirements.txt", "tests/requirements.txt"):
        for line in (ROOT / name).read_text().splitlines():
            wanted = line.partition("#")[0].strip()
            if wanted and not wanted.startswith("-"):
                assert re.fullmatch(
                    r"[A-Za-z0-9._-]+(\[[a-z0-9,-]+\])?==[0-9][^*,;<>=]*", wanted
                ), f"{name}: {line}"
