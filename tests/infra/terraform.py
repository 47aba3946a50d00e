"""Terraform, where it is installed."""

import json
import os
import re
import shutil
import subprocess

import pytest

from tests.infra.hcl import INFRA

NEEDED = "terraform is not on PATH: https://developer.hashicorp.com/terraform/install"


def terraform(*arguments, cwd, stdin="", env=None):
    """Run Terraform; return what became of it. Skips the test where it is not installed."""
    binary = shutil.which("terraform")
    if binary is None:
        pytest.skip(NEEDED)
    own = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    return subprocess.run(
        [binary, *arguments],
        cwd=cwd,
        input=stdin,
        env=own | {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"} | (env or {}),
        capture_output=True,
        text=True,
        check=False,
    )


def evaluated(expression, folder, topology, *options):
    """Return the value of an expression over the project's variables and locals.

    Resources are left out, and locals that read them, so that no provider is needed. The file
    `topology` is made in `folder`.
    """
    shutil.copy(INFRA / "variables.tf", folder)
    (folder / "topology.yaml").write_text(topology)
    for file in INFRA.glob("*.tf"):
        text = file.read_text().replace("data.google_project.this.number", '"123"')
        blocks = re.findall(r"^locals \{\n.*?^\}\n", text, re.M | re.S)
        alone = [block for block in blocks if not re.search(r"\bgoogle_\w+\.\w+", block)]
        (folder / f"locals-{file.name}").write_text("".join(alone))
    options = ("-var=project=quickthumb", *options)
    result = terraform("console", *options, cwd=folder, stdin=f"jsonencode({expression})\n")
    if result.returncode or "Error: " in result.stderr:  # a refused variable ends with status 0
        raise ValueError(result.stdout + result.stderr)
    return json.loads(json.loads(result.stdout))
