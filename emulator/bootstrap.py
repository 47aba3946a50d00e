"""Creates or updates `.venv` and runs the command line in it. Standard library only."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from emulator import venv
from emulator.errors import EmulatorError, Unwritable
from emulator.file_lock import exclusive

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = venv.interpreter(VENV)

RUN = "requirements.txt"
TEST = "tests/requirements.txt"
"""Locks, relative to the project. The second contains the first."""


def main(argv: Sequence[str]) -> int:
    """Run the command line in `.venv`, after creating or updating it; return its exit status."""
    # `lock` must work even if the locks cannot be installed. A wheel installs its dependencies.
    if argv[:1] == ["lock"] or not (ROOT / RUN).exists():
        return _run(Path(sys.executable), argv)
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        install(TEST if "test" in argv[:1] else RUN)
    except EmulatorError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; the next run installs what is missing.", file=sys.stderr)
        return 130
    return _run(PYTHON, argv)


def _run(python: Path, argv: Sequence[str]) -> int:
    command = [str(python), "-m", "emulator.cli", *argv]
    if os.name != "nt":  # where exec would end the process that the shell waits for
        os.execv(python, command)  # noqa: S606 - the command line is our own
    return subprocess.call(command)


def install(lock: str) -> None:
    """Install a lock in `.venv`.

    After an interrupted installation `.venv` is created anew, since pip would consider a partly
    written package installed.

    Args:
        lock: the file, relative to the project.

    Raises:
        InstallError: Python lacks venv or pip, or pip failed.
        Unwritable: the project belongs to another user.
    """
    if _is_current(lock):
        return
    # `venv` and `pip` hold the lock too: they may outlive this process.
    with exclusive(ROOT / ".venv.lock", wait=True, inherited=True):
        if _is_current(lock):  # another process has just installed it
            return
        try:
            _install(lock)
        except OSError as error:
            raise Unwritable(f"{error.filename or VENV}: {error.strerror}") from None


def _install(lock: str) -> None:
    stamps = list(VENV.glob("complete-*"))
    is_complete = PYTHON.exists() and bool(stamps)
    for stamp in stamps:
        stamp.unlink()
    if not is_complete:
        why = "The last installation was interrupted" if VENV.exists() else "First use"
        say(f"{why}: creating {VENV}")
        venv.make(VENV)
    say(f"Installing {lock}; this happens only once")
    venv.install(VENV, ROOT / lock)
    for done in {lock, RUN}:
        _stamp(done).write_text(_fingerprint(done))


def _is_current(lock: str) -> bool:
    stamp = _stamp(lock)
    return PYTHON.exists() and stamp.exists() and stamp.read_text() == _fingerprint(lock)


def _stamp(lock: str) -> Path:
    """Return the file that marks a complete installation."""
    return VENV / f"complete-{lock.replace('/', '-')}"


def _fingerprint(lock: str) -> str:
    return hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()


def say(text: str) -> None:
    """Report progress on stderr."""
    print(text, file=sys.stderr, flush=True)
