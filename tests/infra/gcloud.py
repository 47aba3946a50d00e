"""gcloud's own linter, where gcloud is installed."""

import json
import shutil
import subprocess

import pytest


def refused(commands, folder):
    """Return which commands gcloud does not understand, and why; skips where there is none.

    Args:
        commands: each beginning with gcloud.
        folder: for a file.
    """
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        pytest.skip("gcloud is not on PATH: https://docs.cloud.google.com/sdk/docs/install")
    file = folder / "commands.json"
    file.write_text(json.dumps([{"command_string": command} for command in commands]))
    result = subprocess.run(
        [gcloud, "meta", "lint-gcloud-commands", "--commands-file", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    verdicts = json.loads(result.stdout)
    assert len(verdicts) == len(commands)
    return {v["command_string"]: v["error_message"] for v in verdicts if not v["success"]}
