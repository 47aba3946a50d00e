"""Virtual environments with the packages of a lock. Standard library only: runs before pip."""

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
_LAST_LINES = 20
_EMPTY_VENV = 30_000_000  # bytes, more than an environment with only pip takes


def interpreter(venv: Path) -> Path:
    """Return the Python of an environment."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def make(venv: Path) -> None:
    """Create an empty environment; replace an existing one.

    Raises:
        InstallError: this Python lacks venv or pip, or the environment cannot be written.
    """
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise InstallError(
            f"This Python ({sys.executable}) has no venv and pip. Install them and try again:\n"
            "  Debian, Ubuntu   sudo apt-get install python3-venv\n"
            "  Fedora           sudo dnf install python3-pip\n"
            "  elsewhere        install Python from https://www.python.org/downloads/"
        )
    try:
        if venv.exists():
            shutil.rmtree(venv)
        with _start(sys.executable, "-m", "venv", str(venv)) as process:
            output = process.communicate()[0]
    except OSError as error:
        raise InstallError(f"Could not create {venv}: {error}") from None
    if process.returncode:
        free = shutil.disk_usage(venv.parent).free  # Python does not mention a full disk
        shutil.rmtree(venv, ignore_errors=True)
        advice = f"\nThe disk is full: {free // 10**6} MB are free." if free < _EMPTY_VENV else ""
        raise InstallError(f"Could not create {venv}:\n{output.strip()}{advice}")


def install(venv: Path, lock: Path) -> None:
    """Install the packages of a lock; files with other hashes are refused.

    Raises:
        InstallError: pip failed; the message names the package and says what to do.
    """
    output: list[str] = []
    found = 0
    with _start(  # Ctrl-C reaches pip as well
        *(str(interpreter(venv)), "-m", "pip", "install"),
        *("--disable-pip-version-check", "--no-input"),
        *("--require-hashes", "--only-binary", ":all:", "--requirement", str(lock)),
    ) as pip:
        for line in pip.stdout or ():
            output.append(line)
            if line.startswith("Collecting "):
                found += 1
                _progress(f"Installing: {found} packages found, {line.split()[1]}")
            elif line.startswith("Installing collected packages"):
                _progress(f"Installing: unpacking {found} packages")
    _progress("")
    if pip.returncode:
        raise InstallError(_explained(lock, output))


def _start(*command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        close_fds=False,  # so that the file lock is held until it ends, even if we are killed
    )


def _explained(lock: Path, output: list[str]) -> str:
    """Return a message that explains pip's failure."""
    text = "".join(output)
    if wrong := _WRONG_FILE.search(text):
        return (
            f"{wrong['package']}: the downloaded file matches no hash in {lock}. Nothing was "
            "installed.\n"
            f"  file  {wrong['url']}\n"
            f"  hash  sha256:{wrong['got']}\n"
            "Do not bypass this check. If you edited the version in the lock, "
            "`python3 -m emulator lock`\nupdates the hashes. Otherwise a cache or a mirror of the "
            "package index has a wrong file: run\n`pip cache purge`, check `pip config list`, and "
            "try again."
        )
    if missing := _NOT_LOCKED.search(text):
        package = missing["package"] or missing["unhashed"]
        return (
            f"{package} is required, but {lock} does not pin it. Run `python3 -m emulator lock` "
            "and try again."
        )
    if _NO_ROOM.search(text):
        advice = "The disk is full: free some space"
    elif _NO_NETWORK.search(text):
        advice = "The package index cannot be reached: check your network"
    elif absent := _NOT_FOR_HERE.search(text):
        return (
            f"{absent['package']} has no package for this Python ({platform.python_version()}, "
            f"{sysconfig.get_platform()}).\nAll packages are available for Python 3.11 to 3.14 on "
            "Linux, macOS and Windows."
        )
    else:
        advice = "Fix what pip reports"
    last_lines = "".join(f"  {line}" for line in output[-_LAST_LINES:]).rstrip()
    return f"pip could not install {lock}:\n{last_lines}\n{advice}, then try again."


def _progress(text: str) -> None:
    """Show progress in one line, if stderr is a terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text[: shutil.get_terminal_size().columns - 1]}", end="", file=sys.stderr)
        sys.stderr.flush()
