"""The test step of cloudbuild.yaml, on what Cloud Build gets to see.

All of the tests would run themselves without end, so one file of them stands for all. The other
steps are in test_pipeline.py.
"""

import os
import re
import shutil
import subprocess
import sys

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


def test_ci_runs_the_same_command_in_a_fresh_clone():
    """Whether installing and types pass in one is therefore seen there, and not again here."""
    (step,) = steps()
    *_, last = (ROOT / ".ci" / "run").read_text().splitlines()
    assert last == " ".join([step["entrypoint"], *step["args"]])


@pytest.mark.parametrize(
    "command",
    [("-m", "emulator.cli", "test", ONE_FILE), ("-m", "ruff", "check")],
    ids=["tests", "lint"],
)
def test_nothing_that_git_ignores_is_needed(command, workspace):
    kept = ("PATH", "HOME", "LANG", "TMPDIR")
    result = subprocess.run(
        [sys.executable, *command],
        cwd=workspace,
        env={name: value for name, value in os.environ.items() if name in kept},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    assert re.search(r"\b[1-9]\d* passed|All checks passed!", result.stdout)
