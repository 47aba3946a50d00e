"""No dependency that is deployed has a known vulnerability, as far as that can be known here."""

import json
import subprocess
import sys

import pytest

from emulator.bootstrap import ROOT


def test_what_is_deployed_has_no_known_vulnerability():
    result = subprocess.run(
        [
            *(sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes"),
            *("--requirement", "functions/requirements.txt"),
            *("--progress-spinner", "off", "--format", "json"),
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
