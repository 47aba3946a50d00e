"""Runs the command line like a user."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emulator.bootstrap import ROOT
from emulator.processes import with_emulator

COMMAND = [sys.executable, "-m", "emulator.cli"]

# On Windows, Ctrl-Break is what asks a process to end, and can be sent only to a group.
_NEW_GROUP = 0x200 if os.name == "nt" else 0
_CTRL_BREAK = 1


def run(
    *arguments: object, env: dict[str, str] | None = None, cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=from_anywhere() | (env or {}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def environment() -> dict[str, str]:
    """Return this process's environment without variables that point to a cloud."""
    known = {name: text for name, text in os.environ.items() if not name.endswith("EMULATOR_HOST")}
    return known | {"PYTHONFAULTHANDLER": "1"}


def from_anywhere() -> dict[str, str]:
    """Return an environment in which the commands run in any folder."""
    return environment() | with_emulator()


class Up:
    """A running `up`.

    Attributes:
        process: its process.
        data: its data folder.
    """

    def __init__(self, process: subprocess.Popen[str], data: Path, log: Path) -> None:
        self.process = process
        self.data = data
        self._log = log

    @property
    def log(self) -> str:
        """Its output so far."""
        return self._log.read_text()

    def wait_for(self, text: str, seconds: float = 120) -> None:
        """Wait until it has printed something."""
        end = time.monotonic() + seconds
        while text not in self.log:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < end, self.log
            time.sleep(0.02)

    def url(self, part: str) -> str:
        """Return the address that it printed for a part."""
        [line] = [line for line in self.log.splitlines() if line.startswith(f"  {part} ")]
        return line.split()[1]

    def stop(self, number: int) -> int:
        """Send a signal, Ctrl-Break on Windows, and return the exit status."""
        self.process.send_signal(number if os.name == "posix" else _CTRL_BREAK)
        try:
            return self.process.wait(120)
        except subprocess.TimeoutExpired:
            if os.name == "posix":
                self.process.send_signal(signal.SIGABRT)  # lets `faulthandler` tell where it is
            else:
                self.process.kill()
            self.process.wait()
            raise AssertionError(f"It did not stop:\n{self.log}") from None


@contextmanager
def up(folder: Path, *arguments: object) -> Iterator[Up]:
    """Run `up` with its data in a folder; kill it at the end if it is still running."""
    with running_up(ROOT, folder, folder / "data", "--data", folder / "data", *arguments) as it:
        yield it


@contextmanager
def running_up(where: Path, logs: Path, data: Path, *arguments: object) -> Iterator[Up]:
    """Run `up` in a folder, with its log in another one; `data` is where it keeps its data."""
    log = logs / "up.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [*COMMAND, "up", *map(str, arguments)],
            cwd=where,
            env=from_anywhere(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
            creationflags=_NEW_GROUP,
        )
    with process:
        try:
            running = Up(process, data, log)
            running.wait_for("Ctrl-C stops everything")
            yield running
        finally:
            if process.poll() is None:
                process.kill()
