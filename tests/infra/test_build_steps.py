"""The test step of cloudbuild.yaml, run as it is written, on what Cloud Build gets to see.

All of the tests would run themselves without end, so one file of them stands for all; installing,
lint and types are whole. The other steps call a real cloud: of these the shell and the gcloud
commands are checked, in test_deployment_texts.py, and the smoke test, in test_smoke.py; here that a
trial which fails gives the traffic back, with a gcloud that only writes down what it is told.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from emulator.bootstrap import ROOT

GCLOUD = """#!/bin/sh
echo "$@" >>/workspace/told
case "$*" in *print-identity-token*) {token} ;; esac
"""
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


@pytest.mark.parametrize("token", ["exit 1", "echo token"], ids=["no token", "no answer"])
def test_a_trial_that_fails_gives_the_traffic_back(tmp_path, token):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not on PATH")
    (tmp_path / "gcloud").write_text(in_folder(GCLOUD.format(token=token), tmp_path))
    (tmp_path / "gcloud").chmod(0o755)
    with socket.socket() as nobody:  # bound and never listening: who calls is refused
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        for name in ("urls", "audiences"):
            (tmp_path / f"{name}.json").write_text(json.dumps({"upload": url}))
        (tmp_path / "serving").write_text("upload upload-1\nresize resize-4\n")
        build = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())
        (script,) = [step["args"][-1] for step in build["steps"] if step["id"] == "try"]
        script = script.replace("$$", "$").replace("${_REGION}", "here")
        result = subprocess.run(
            [bash, "-euc", in_folder(script, tmp_path)],
            cwd=ROOT,
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "SERVICE_ACCOUNT_EMAIL": "deployer"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert result.returncode == 1, result.stderr
    assert (tmp_path / "told").read_text().splitlines()[1:] == [
        "run services update-traffic upload --to-revisions=upload-1=100 --region=here",
        "run services update-traffic resize --to-revisions=resize-4=100 --region=here",
    ]


def in_folder(script, folder):
    return script.replace("/workspace", str(folder))
