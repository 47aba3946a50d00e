"""Starts commands that end when this process does, however that ends.

On POSIX systems a command has a watcher that reads from a pipe whose other end only this process
has: the end of this process is the end of the pipe. The watcher then does what this process would
have done. On Windows the command is in a job object, which the system closes.
"""

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

from emulator.job_object import Job

_WATCHED = """
exec 3<&0
((
    trap '' HUP INT TERM
    read -r line <&3
    kill -TERM $$
    tenths=0
    while kill -0 $$ && [ $tenths -lt "$1" ]; do
        sleep 0.1
        tenths=$((tenths + 1))
    done
    kill -KILL -$$
) >/dev/null 2>&1 &)
shift
exec "$@" </dev/null 3<&-
"""
"""A shell that leaves a watcher behind and becomes the command.

`$$` is the command in both, and the id of their process group. The watcher keeps that id from being
reused, and is not a child of the command, which might wait for its children.
"""

_NEW_PROCESS_GROUP = 0x200
_CTRL_BREAK = 1


class Leash(Protocol):
    """How commands are started and ended."""

    def start(self, command: Sequence[str], **options: Any) -> subprocess.Popen[str]:
        """Start a command with these options of `Popen`. Ctrl-C in a terminal does not reach it."""

    def ask_to_stop(self, process: subprocess.Popen[str]) -> None:
        """Ask a command to end in order."""

    def let_go(self, process: subprocess.Popen[str]) -> None:
        """Kill the children that a command has left, such as workers, which would keep its port."""


class PosixLeash:
    """Process groups, each with a watcher.

    Args:
        grace: seconds that the watcher gives a command to end in order.
    """

    def __init__(self, grace: float = 12.0) -> None:
        self._tenths = str(round(grace * 10))

    def start(self, command: Sequence[str], **options: Any) -> subprocess.Popen[str]:
        """See `Leash`."""
        return subprocess.Popen(
            ["/bin/sh", "-c", _WATCHED, "leash", self._tenths, *command],
            stdin=subprocess.PIPE,
            start_new_session=True,
            umask=0o077,  # only the user may read its files
            **options,
        )

    def ask_to_stop(self, process: subprocess.Popen[str]) -> None:
        """See `Leash`."""
        process.terminate()

    def let_go(self, process: subprocess.Popen[str]) -> None:
        """See `Leash`."""
        with suppress(ProcessLookupError, PermissionError):  # macOS refuses if all are zombies
            os.killpg(process.pid, signal.SIGKILL)
        if process.stdin:
            process.stdin.close()


class WindowsLeash:
    """Process groups, each in a job object."""

    def __init__(self) -> None:
        self._jobs: dict[int, Job] = {}

    def start(self, command: Sequence[str], **options: Any) -> subprocess.Popen[str]:
        """See `Leash`."""
        process = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, creationflags=_NEW_PROCESS_GROUP, **options
        )
        job = self._jobs[process.pid] = Job()
        job.add(int(process._handle))  # type: ignore[attr-defined,unused-ignore]
        return process

    def ask_to_stop(self, process: subprocess.Popen[str]) -> None:
        """See `Leash`. `terminate` would be a hard kill."""
        try:
            process.send_signal(_CTRL_BREAK)
        except OSError:  # this process has no console
            process.terminate()

    def let_go(self, process: subprocess.Popen[str]) -> None:
        """See `Leash`."""
        if job := self._jobs.pop(process.pid, None):
            job.close()


def leash() -> Leash:
    """Return the leash of this system."""
    return WindowsLeash() if os.name == "nt" else PosixLeash()
