"""Packages of npm that tests use as clients, exactly those of the lock in `tests/npm`.

They are installed inside `.venv`, once per content of the lock, without running their scripts.
"""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from emulator.bootstrap import ROOT, VENV
from emulator.file_lock import exclusive

_LISTS = [ROOT / "tests" / "npm" / name for name in ("package.json", "package-lock.json")]
_COMMAND = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")


def node_modules() -> Path:
    """Return the folder of the packages; skip the test if they cannot be installed."""
    if not (shutil.which("npm") and shutil.which("node")):
        pytest.skip("needs Node.js and npm (Debian: nodejs and npm)")
    wanted = hashlib.sha256(b"".join(file.read_bytes() for file in _LISTS)).hexdigest()
    others = (VENV / "others").resolve()
    others.mkdir(exist_ok=True)
    place = others / f"npm-{wanted[:16]}"
    stamp = place / "installed"
    with exclusive(others / "npm.lock", wait=True):  # other processes may do the same
        if not stamp.exists():
            place.mkdir(exist_ok=True)
            for file in _LISTS:
                shutil.copy(file, place)
            try:
                subprocess.run(_COMMAND, cwd=place, check=True, capture_output=True, timeout=600)
            except subprocess.CalledProcessError as error:
                why = error.stderr.decode(errors="replace").strip()[-300:]
                if "EINTEGRITY" in why:
                    raise
                pytest.skip(f"needs the registry of npm: {why}")
            stamp.touch()
    return place / "node_modules"
