"""Virtual environments with the packages of a lock. Standard library only: runs before pip."""

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emulator.errors import InstallError
from emulator.pip_output import PipOutput
from emulator.status_line import status_line

_EMPTY_VENV = 30_000_000  # bytes, more than an environment with only pip takes


def interpreter(venv: Path) -> Path:
    """Return the Python of an environment."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def make(venv: Path) -> None:
    """Create an environment that has only pip; replace an existing one.

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
    from venv import EnvBuilder  # not every Python has it

    try:
        if venv.exists():
            shutil.rmtree(venv)
        EnvBuilder(symlinks=os.name != "nt").create(venv)
        _put_pip(venv)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        free = shutil.disk_usage(venv.parent).free if venv.parent.is_dir() else _EMPTY_VENV
        shutil.rmtree(venv, ignore_errors=True)
        advice = f"\nThe disk is full: {free // 10**6} MB are free." if free < _EMPTY_VENV else ""
        raise InstallError(f"Could not create {venv}: {error}{advice}") from None


def _put_pip(venv: Path) -> None:
    """Unpack the pip that Python carries, which takes a tenth of the time of installing it.

    Python's own way, ensurepip, runs pip inside of its archive to install itself, and compiles all
    of it. Its wheel has nothing but Python files, so unpacking it is all there is to do.
    """
    wheels = [wheel for folder in _wheel_folders() for wheel in folder.glob("pip-*.whl")]
    if not wheels:  # a distribution keeps it elsewhere
        with _start(str(interpreter(venv)), "-m", "ensurepip") as process:
            output = process.communicate()[0]
        if process.returncode:
            raise OSError(output.strip())
        return
    with zipfile.ZipFile(wheels[0]) as wheel:
        wheel.extractall(site_packages(venv))


def _wheel_folders() -> Iterator[Path]:
    """Yield where Python may keep the wheel of pip: its own place, and that of distributions."""
    spec = importlib.util.find_spec("ensurepip")
    if spec and spec.origin:
        yield Path(spec.origin).with_name("_bundled")
    if folder := sysconfig.get_config_var("WHEEL_PKG_DIR"):
        yield Path(folder)


def site_packages(venv: Path) -> Path:
    """Return the folder of an environment in which packages are."""
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(venv)}))


def install(venv: Path, lock: Path) -> None:
    """Install the packages of a lock; files with other hashes are refused.

    Modules are compiled when they are first imported: most never are.

    Raises:
        InstallError: pip failed; the message names the package and says what to do.
    """
    output = PipOutput(lock, site_packages(venv))
    with (
        _ending(
            _start(
                *(str(interpreter(venv)), "-m", "pip", "install"),
                *("--disable-pip-version-check", "--no-input", "--no-compile"),
                *("--require-hashes", "--only-binary", ":all:", "--requirement", str(lock)),
            )
        ) as pip,
        status_line(output.state),
    ):
        for line in pip.stdout or ():
            output.add(line)
    if pip.returncode:
        raise InstallError(output.failure())


@contextmanager
def _ending(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Wait for a process; end it if this one is interrupted, and it alone got the signal."""
    with process:
        try:
            yield process
        except BaseException:
            process.terminate()
            process.wait()
            raise


def _start(*command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},  # its lines are progress
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        close_fds=False,  # so that the file lock is held until it ends, even if we are killed
    )
