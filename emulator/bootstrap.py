"""The first use on a bare machine: makes `.venv`, installs into it, and goes on there.

Standard library only, since nothing else is there yet.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from emulator.errors import EmulatorError, InstallError
from emulator.lock import exclusive

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

_RUN = ("functions/requirements.txt", "functions/constraints.txt", "requirements.txt")
_TEST = (*_RUN, "tests/requirements.txt")


def main(argv: Sequence[str]) -> int:
    """Run the command line in `.venv`, which is made or brought up to date first.

    Returns:
        The exit status of the process.
    """
    try:
        install(_TEST if "test" in argv[:1] else _RUN)
    except EmulatorError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; the next run goes on with the installation.", file=sys.stderr)
        return 130
    command = [str(PYTHON), "-m", "emulator.cli", *argv]
    if os.name != "nt":  # there, exec starts a second process and ends the one being waited for
        os.execv(PYTHON, command)  # noqa: S606 - the command line is our own
    return subprocess.call(command)


def install(requirements: Sequence[str]) -> None:
    """Bring `.venv` to what the last of the requirements files asks for.

    Args:
        requirements: files relative to the project; the last one includes the others.

    Raises:
        InstallError: Python lacks venv or pip, or pip failed.
        Unwritable: the project is not the user's own.
    """
    if _is_current(requirements):
        return
    with exclusive(ROOT / ".venv.lock", wait=True):
        if _is_current(requirements):  # another run has just done it
            return
        if not PYTHON.exists():  # also where the Python that it was made from is gone
            _make_venv()
        _pip_install(ROOT / requirements[-1])
        _stamp(requirements).write_text(_fingerprint(requirements))
        if requirements == _TEST:  # which includes the other
            _stamp(_RUN).write_text(_fingerprint(_RUN))


def _is_current(requirements: Sequence[str]) -> bool:
    stamp = _stamp(requirements)
    return PYTHON.exists() and stamp.exists() and stamp.read_text() == _fingerprint(requirements)


def _stamp(requirements: Sequence[str]) -> Path:
    """Return the file that is written when an installation is complete."""
    return VENV / f"installed-{requirements[-1].replace('/', '-')}"


def _fingerprint(requirements: Sequence[str]) -> str:
    content = b"\0".join((ROOT / name).read_bytes() for name in requirements)
    return hashlib.sha256(content).hexdigest()


def _make_venv() -> None:
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise InstallError(
            f"This Python ({sys.executable}) has no venv and pip. Install them and try again:\n"
            "  Debian, Ubuntu   sudo apt-get install python3-venv\n"
            "  Fedora           sudo dnf install python3-pip\n"
            "  elsewhere        a Python from https://www.python.org/downloads/ has both"
        )
    _say(f"First use: making {VENV}")
    if VENV.exists():
        shutil.rmtree(VENV)
    result = subprocess.run(
        [sys.executable, "-m", "venv", str(VENV)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        raise InstallError(f"Could not make {VENV}:\n{result.stdout.strip()}")


def _pip_install(requirements: Path) -> None:
    _say(f"Installing what {requirements.relative_to(ROOT)} asks for; this is done once")
    command = [
        str(PYTHON),
        *("-m", "pip", "install", "--disable-pip-version-check", "--no-input"),
        *("--requirement", str(requirements)),
    ]
    pip = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    assert pip.stdout is not None  # noqa: S101 - it was asked for
    last = deque[str](maxlen=20)
    found = 0
    with pip:  # which waits for it; Ctrl-C reaches pip as well
        for line in pip.stdout:
            last.append(line)
            if line.startswith("Collecting "):
                found += 1
                _progress(f"Installing: {found} packages found, {line.split()[1]}")
            elif line.startswith("Installing collected packages"):
                _progress(f"Installing: unpacking {found} packages")
    _progress("")
    if pip.returncode:
        raise InstallError(
            f"pip could not install {requirements}; its last words:\n  "
            + "  ".join(last).rstrip()
            + "\nThe package index must be reachable; then start the same command again."
        )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _progress(text: str) -> None:
    """Show where things are, on one line of a terminal; elsewhere it would be many."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text[: shutil.get_terminal_size().columns - 1]}", end="", file=sys.stderr)
        sys.stderr.flush()
