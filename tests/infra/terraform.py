"""Terraform, where it is installed."""

import os
import shutil
import subprocess

import pytest

NEEDED = "terraform is not on PATH: https://developer.hashicorp.com/terraform/install"


def terraform(*arguments, cwd, stdin=""):
    """Run Terraform; return what became of it. Skips the test where it is not installed."""
    binary = shutil.which("terraform")
    if binary is None:
        pytest.skip(NEEDED)
    env = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    return subprocess.run(
        [binary, *arguments],
        cwd=cwd,
        input=stdin,
        env=env | {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
