"""The test step of cloudbuild.yaml, run as it is written, on what Cloud Build gets to see.

All of the tests would run themselves without end, so one file of them stands for all; installing,
lint and types are whole. The other steps are in test_pipeline.py.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from emulator.bootstrap import ROOT

ONE_FILE = "tests/unit/test_topology.py"


def steps():
    """Return the steps that need no cloud: those before the first that runs a program for it."""
    return [
        step
        for step in yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())["steps"]
        if step["name"].startswith("python:")
    ]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """What `gcloud builds submit` sends: a clone, without its history and what git ignores."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone: Cloud Build's own copy has no history to clone from")
    folder = tmp_path_factory.mktemp("build") / "workspace"
    command = ["git", "clone", "--quiet", "--depth=1", f"file://{ROOT}", str(folder)]
    subprocess.run(command, check=True)
    shutil.rmtree(folder / ".git")
    return folder


def test_the_build_tests_before_it_deploys():
    (step,) = steps()
    assert step["id"] == "test"
    assert [step["entrypoint"], *step["args"]] == ["python3", "-m", "emulator", "test"]


@pytest.mark.parametrize("step", steps(), ids=lambda step: step["id"])
def test_a_step_passes_in_a_clean_copy(step, workspace):
    interpreter = Path(sys.base_prefix) / "bin"  # not that of the environment of these tests
    environment = {
        "PATH": f"{interpreter}:{os.environ['PATH']}",
        "HOME": os.environ.get("HOME", "/"),  # where pip keeps what it has downloaded
        "PYTEST_ADDOPTS": f"{ONE_FILE} --numprocesses=0",
    }
    environment |= {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "LANG", "LC_"))}
    result = subprocess.run(
        [step["entrypoint"], *step["args"]],
        cwd=workspace / step.get("dir", "."),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    assert re.search(r"\b[1-9]\d* passed", result.stdout)
    assert "All checks passed!" in result.stdout  # of the linter
    assert "Success: no issues found" in result.stdout  # of the types
