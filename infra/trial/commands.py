"""Runs terraform and gcloud, and lets them finish when interrupted."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_SHOWN = 3000  # characters of a command's standard error


class Failed(Exception):
    """The trial cannot continue; the message says why, and what to do."""


def say(text: str) -> None:
    """Print progress to standard error; standard output is for the report."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def need(program: str, where: str) -> None:
    """Check that a program is installed.

    Raises:
        Failed: it is not on PATH.
    """
    if shutil.which(program) is None:
        raise Failed(f"{program} is not on PATH: {where}")


def run(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    shown: bool = False,
) -> str:
    """Run a command to its end; return its output.

    Ctrl-C is forwarded to it once; then we wait for it, since terraform has to save its state.

    Args:
        command: program and arguments.
        cwd: working directory; None for the current one.
        env: additional environment variables.
        shown: let it print to standard error, and return nothing.

    Raises:
        Failed: it failed.
        KeyboardInterrupt: Ctrl-C was pressed; the command has ended.
    """
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr if shown else subprocess.PIPE,
        stderr=None if shown else subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that only we forward Ctrl-C
    )
    interrupted = False
    while True:
        try:
            out, err = process.communicate()
            break
        except KeyboardInterrupt:
            if not interrupted:
                process.send_signal(signal.SIGINT)
            interrupted = True
            say(f"Interrupted: waiting for {command[0]} to end.")
    if interrupted:
        raise KeyboardInterrupt
    if process.returncode:
        reason = f":\n{err.strip()[-_SHOWN:]}" if err and err.strip() else ""
        raise Failed(f"{' '.join(command[:4])} … ended with status {process.returncode}{reason}")
    return out or ""


class Gcloud:
    """gcloud, for one project.

    Args:
        project: project id.
        region: of the services.
    """

    def __init__(self, project: str, region: str) -> None:
        self.project = project
        self.region = region

    def text(self, *arguments: str) -> str:
        """Return the output of a command.

        Raises:
            Failed: it failed.
        """
        return run(["gcloud", *arguments, f"--project={self.project}", "--quiet"]).strip()

    def json(self, *arguments: str) -> Any:
        """Return the JSON output of a command; None if it is empty.

        Raises:
            Failed: it failed, or did not print JSON.
        """
        text = self.text(*arguments, "--format=json")
        try:
            return json.loads(text) if text else None
        except ValueError:
            raise Failed(f"gcloud {' '.join(arguments)} printed no JSON: {text[:200]}") from None

    def service(self, *arguments: str) -> str:
        """Run a command of `gcloud run services` in the region."""
        return self.text("run", "services", *arguments, f"--region={self.region}")

    def described(self, service: str) -> dict[str, Any]:
        """Return Cloud Run's description of a service."""
        description: dict[str, Any] = self.json(
            "run", "services", "describe", service, f"--region={self.region}"
        )
        return description

    def account(self) -> str:
        """Return the email of the active account.

        Raises:
            Failed: there is none.
        """
        account = run(["gcloud", "config", "get-value", "account", "--quiet"]).strip()
        if not account or account == "(unset)":
            raise Failed("gcloud has no account: gcloud auth login")
        return account

    def identity_token(self, audience: str) -> str:
        """Return an identity token for a function.

        A user's token is valid for every function; a service account's needs an audience.
        """
        command = ["gcloud", "auth", "print-identity-token", "--quiet"]
        if self.account().endswith(".gserviceaccount.com"):
            command.append(f"--audiences={audience}")
        return run(command).strip()

    def access_token(self) -> str:
        """Return a token for Google's own APIs."""
        return run(["gcloud", "auth", "print-access-token", "--quiet"]).strip()
