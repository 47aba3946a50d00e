"""The first use on a bare machine: creates `.venv`, installs into it, and continues there.

Only the standard library: nothing else is installed yet.
"""

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
"""Locks, relative to the project. The second has all of the first, in the same versions."""


def main(argv: Sequence[str]) -> int:
    """Run the command line in `.venv`, which is created or updated first.

    Returns:
        The exit status of the process.
    """
    # `lock` must work where the locks cannot be installed; a wheel has brought what it needs.
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
    if os.name != "nt":  # there, exec starts a second process and ends the one being waited for
        os.execv(python, command)  # noqa: S606 - the command line is our own
    return subprocess.call(command)


def install(lock: str) -> None:
    """Install in `.venv` what a lock names.

    The next installation discards one that was interrupted: pip would take a package of which only
    some files were written for installed.

    Args:
        lock: the file, relative to the project.

    Raises:
        InstallError: Python lacks venv or pip, or pip failed.
        Unwritable: the project belongs to another user.
    """
    if _is_current(lock):
        return
    # Held until venv and pip have ended too, which may live on when this process is killed.
    with exclusive(ROOT / ".venv.lock", wait=True, inherited=True):
        if _is_current(lock):  # another run has just done it
            return
        try:
            _install(lock)
        except OSError as error:
            raise Unwritable(f"{error.filename or VENV}: {error.strerror}") from None


def _install(lock: str) -> None:
    whole = _is_whole()
    for stamp in _stamps():
        stamp.unlink()
    if not whole:
        why = "The last installation was cut short" if VENV.exists() else "First use"
        _say(f"{why}: making {VENV}")
        venv.make(VENV)
    _say(f"Installing what {lock} names; this is done once")
    venv.install(VENV, ROOT / lock)
    for done in {lock, RUN}:
        _stamp(done).write_text(_fingerprint(done))


def _is_current(lock: str) -> bool:
    stamp = _stamp(lock)
    return PYTHON.exists() and stamp.exists() and stamp.read_text() == _fingerprint(lock)


def _is_whole() -> bool:
    """Return whether the last installation was completed and its Python still exists."""
    return PYTHON.exists() and bool(_stamps())


def _stamps() -> list[Path]:
    return list(VENV.glob("complete-*"))


def _stamp(lock: str) -> Path:
    """Return the file that is written when an installation is complete."""
    return VENV / f"complete-{lock.replace('/', '-')}"


def _fingerprint(lock: str) -> str:
    return hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
