"""Creates or updates `.venv` and runs the command line in it. Standard library only."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from emulator import venv
from emulator.errors import EmulatorError, Unwritable
from emulator.file_lock import Locked, exclusive
from emulator.pip_output import packages_in

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = venv.interpreter(VENV)

RUN = "requirements.txt"
TEST = "tests/requirements.txt"
"""Locks, relative to the project. The second contains the first."""

MEGABYTES = {RUN: (60, 200), TEST: (135, 450)}
"""What is downloaded for each lock, and what it takes on the disk, on Linux with an x86-64."""


def main(argv: Sequence[str]) -> int:
    """Run the command line in `.venv`, after creating or updating it; return its exit status."""
    # What an installed package depends on is installed with it.
    if needs_nothing(argv) or not (ROOT / RUN).exists():
        _hold_interrupts()
        return _run(Path(sys.executable), argv)
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        install(TEST if "test" in argv[:1] else RUN)
        _hold_interrupts()
    except EmulatorError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # another one would be a traceback
        print("\nStopped; the next run installs what is missing.", file=sys.stderr)
        return 130
    return _run(PYTHON, argv)


def needs_nothing(argv: Sequence[str]) -> bool:
    """Return whether a command line runs without any package.

    Help does, and a mistake in the name of a command. `lock` must, since it mends locks that cannot
    be installed.
    """
    from emulator.cli import COMMANDS  # which imports this module

    first, *rest = argv or ["--help"]
    is_help = "-h" in rest or "--help" in rest
    return first not in COMMANDS or first == "lock" or (first == "test" and is_help)


def _hold_interrupts() -> None:
    """Let Ctrl-C wait until the command line can take it: a starting Python prints a traceback."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])


def _run(python: Path, argv: Sequence[str]) -> int:
    command = [str(python), "-m", "emulator.cli", *argv]
    if os.name != "nt":  # where exec would end the process that the shell waits for
        os.execv(python, command)  # noqa: S606 - the command line is our own
    return subprocess.call(command)


def install(lock: str) -> None:
    """Install a lock in `.venv`.

    A stamp marks a complete installation, and is removed before anything is changed. Without one,
    `.venv` is created anew, since pip would consider a partly written package installed.

    Args:
        lock: the file, relative to the project.

    Raises:
        InstallError: Python lacks venv or pip, or pip failed.
        Unwritable: the project belongs to another user.
    """
    if _is_current(lock):
        return
    path = ROOT / ".venv.lock"
    # pip holds the lock too, since it may outlive this process.
    with ExitStack() as held:
        try:
            held.enter_context(exclusive(path, wait=False, inherited=True))
        except Locked:
            say("Another process is installing; waiting for it.")
            held.enter_context(exclusive(path, wait=True, inherited=True))
        if _is_current(lock):  # another process has just installed it
            return
        try:
            _install(lock)
        except OSError as error:
            raise Unwritable(f"{error.filename or VENV}: {error.strerror}") from None


def _install(lock: str) -> None:
    began = time.monotonic()
    stamps = list(VENV.glob("complete-*"))
    is_complete = PYTHON.exists() and any(map(_is_for_this_python, stamps))
    for stamp in stamps:
        stamp.unlink()
    packages = packages_in(ROOT / lock)
    if is_complete:
        say(f"{lock} has changed: installing what is new in {VENV}")
    else:
        why = "The last installation was interrupted" if VENV.exists() else "First use"
        download, disk = MEGABYTES[lock]
        say(
            f"{why}: installing {packages} packages into {VENV}, once.\n"
            f"About {download} MB are downloaded, and {disk} MB used on the disk."
        )
        venv.make(VENV)
    venv.install(VENV, ROOT / lock)
    for done in {lock, RUN}:
        _stamp(done).write_text(_fingerprint(done))
    say(f"Installed after {time.monotonic() - began:.0f} seconds.")


def _is_current(lock: str) -> bool:
    stamp = _stamp(lock)
    return PYTHON.exists() and stamp.exists() and stamp.read_text() == _fingerprint(lock)


def _stamp(lock: str) -> Path:
    """Return the file that marks a complete installation."""
    return VENV / f"complete-{lock.replace('/', '-')}"


def _fingerprint(lock: str) -> str:
    return f"{hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()}\n{_interpreter()}\n"


def _is_for_this_python(stamp: Path) -> bool:
    _hash, *python = stamp.read_text().splitlines() or [""]
    return python in ([], [_interpreter()])  # earlier versions did not write it


def _interpreter() -> str:
    """Return the Python that `.venv` leads to: after an upgrade it does not find the packages."""
    return str(PYTHON.resolve())


def say(text: str) -> None:
    """Report progress on stderr."""
    print(text, file=sys.stderr, flush=True)
