"""Environments of their own, for what must not lie beside the tests' packages.

They are made inside `.venv`, once for each content of their locks, and kept.
"""

import hashlib
import sys
from pathlib import Path

from emulator import venv
from emulator.bootstrap import VENV
from emulator.file_lock import exclusive

_FOLDER = VENV / "others"


def environment(name: str, lock: Path) -> Path:
    """Return the programs of an environment that has what a lock names, and nothing else.

    Args:
        name: of the environment.
        lock: the file.

    Returns:
        The folder where they are.

    Raises:
        InstallError: it could not be made; the message says why.
    """
    wanted = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    place = _FOLDER / name
    stamp = place / "installed"
    _FOLDER.mkdir(exist_ok=True)
    # Other processes run tests as well.
    with exclusive(_FOLDER / f"{name}.lock", wait=True, inherited=True):
        if not stamp.exists() or stamp.read_text() != wanted:
            venv.make(place)
            venv.install(place, lock)
            stamp.write_text(wanted)
    return venv.interpreter(place).parent
