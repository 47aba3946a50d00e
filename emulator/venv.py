"""Virtual environments that contain exactly the files that a lock names.

Only the standard library: nothing else is installed yet.
"""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from emulator.errors import InstallError

_WRONG_FILE = re.compile(
    r"^    (?P<package>\S+) from (?P<url>.+) \(from .*\n(?: +Expected .*\n)+ +Got +(?P<got>\w+)",
    re.MULTILINE,
)
_NOT_LOCKED = re.compile(
    r"--require-hashes mode.*:\n    (?P<package>\S+)|^    (?P<unhashed>\S+) --hash=", re.MULTILINE
)
_NO_ROOM = re.compile(r"No space left on device|Disk quota exceeded")
_NO_NETWORK = re.compile(
    r"Retrying \(|Could not fetch URL|Read timed out|Connection (?:aborted|reset)"
)
_NOT_FOR_HERE = re.compile(r"No matching distribution found for (?P<package>\S+)")
_LAST_WORDS = 20  # lines
_FOR_PIP = 30_000_000  # bytes, more than an environment takes that has nothing but pip


def interpreter(venv: Path) -> Path:
    """Return where the Python of an environment is."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def make(venv: Path) -> None:
    """Create an empty environment in place of an existing one.

    Raises:
        InstallError: this Python lacks venv or pip, or the environment cannot be written.
    """
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise InstallError(
            f"This Python ({sys.executable}) has no venv and pip. Install them and try again:\n"
            "  Debian, Ubuntu   sudo apt-get install python3-venv\n"
            "  Fedora           sudo dnf install python3-pip\n"
            "  elsewhere        a Python from https://www.python.org/downloads/ has both"
        )
    try:
        if venv.exists():
            shutil.rmtree(venv)
        result = subprocess.run(
            [sys.executable, "-m", "venv", str(venv)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            close_fds=False,  # the lock is held until this process ends, even if ours is killed
        )
    except OSError as error:
        raise InstallError(f"Could not make {venv}: {error}") from None
    if result.returncode:
        free = shutil.disk_usage(venv.parent).free  # Python does not say that there was no room
        shutil.rmtree(venv, ignore_errors=True)
        advice = f"\nThe disk is full: {free // 10**6} MB are free." if free < _FOR_PIP else ""
        raise InstallError(f"Could not make {venv}:\n{result.stdout.strip()}{advice}")


def install(venv: Path, lock: Path) -> None:
    """Install what a lock names; files with other hashes are refused.

    Raises:
        InstallError: pip failed; the message says of which package and what to do.
    """
    command = [
        *(str(interpreter(venv)), "-m", "pip", "install"),
        *("--disable-pip-version-check", "--no-input"),
        *("--require-hashes", "--only-binary", ":all:", "--requirement", str(lock)),
    ]
    pip = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        close_fds=False,  # see above
    )
    assert pip.stdout is not None  # noqa: S101 - it was asked for
    said: list[str] = []
    found = 0
    with pip:  # which waits for it; Ctrl-C reaches pip as well
        for line in pip.stdout:
            said.append(line)
            if line.startswith("Collecting "):
                found += 1
                _progress(f"Installing: {found} packages found, {line.split()[1]}")
            elif line.startswith("Installing collected packages"):
                _progress(f"Installing: unpacking {found} packages")
    _progress("")
    if pip.returncode:
        raise InstallError(_explained(lock, said))


def _explained(lock: Path, said: list[str]) -> str:
    """Return a message that explains pip's failure."""
    text = "".join(said)
    if wrong := _WRONG_FILE.search(text):
        return (
            f"{wrong['package']}: the file that was offered is none of those that {lock} names, so "
            "nothing was installed.\n"
            f"  offered   {wrong['url']}\n"
            f"  its hash  sha256:{wrong['got']}\n"
            "Do not bypass this check. If the version was changed in that file by hand, "
            "`python3 -m emulator lock`\nwrites the right hashes. Otherwise a cache or a mirror of "
            "the package index has a wrong file: run\n`pip cache purge`, look at "
            "`pip config list`, and start the same command again."
        )
    if missing := _NOT_LOCKED.search(text):
        package = missing["package"] or missing["unhashed"]
        return (
            f"{package} is needed, but {lock} does not pin it. Run `python3 -m emulator lock`, and "
            "start the same command again."
        )
    if _NO_ROOM.search(text):
        advice = "The disk is full: make room"
    elif _NO_NETWORK.search(text):
        advice = "The package index must be reachable"
    elif absent := _NOT_FOR_HERE.search(text):
        return (
            f"{absent['package']} has no package for this Python ({platform.python_version()}, "
            f"{sysconfig.get_platform()}).\nPython 3.11 to 3.14 on Linux, macOS and Windows are "
            "known to have all packages."
        )
    else:
        advice = "Fix what pip reports"
    last_words = "".join(f"  {line}" for line in said[-_LAST_WORDS:]).rstrip()
    return (
        f"pip could not install {lock}:\n{last_words}\n{advice}; then start the same command again."
    )


def _progress(text: str) -> None:
    """Show progress on one line of a terminal; print nothing elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text[: shutil.get_terminal_size().columns - 1]}", end="", file=sys.stderr)
        sys.stderr.flush()
