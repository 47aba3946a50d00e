"""Separate environments, for packages that must not be installed with those of the tests.

They are created inside `.venv`, once per content of their locks, and kept. Their programs contain
the path, so links to `.venv` are resolved, and an environment that was moved is created again.
"""

import hashlib
import sys
from pathlib import Path

from emulator import venv
from emulator.bootstrap import VENV
from emulator.file_lock import exclusive

_FOLDER = (VENV / "others").resolve()


def environment(name: str, lock: Path) -> Path:
    """Return the programs of an environment with exactly the packages of a lock.

    Args:
        name: of the environment.
        lock: the file.

    Returns:
        Their folder.

    Raises:
        InstallError: it could not be created; the message says why.
    """
    place = _FOLDER / name
    made_of = lock.read_bytes() + f"{sys.version} {place}".encode()
    wanted = hashlib.sha256(made_of).hexdigest()
    stamp = place / "installed"
    _FOLDER.mkdir(exist_ok=True)
    # Other processes may do the same.
    with exclusive(_FOLDER / f"{name}.lock", wait=True, inherited=True):
        if not stamp.exists() or stamp.read_text() != wanted:
            venv.make(place)
            venv.install(place, lock)
            stamp.write_text(wanted)
    return venv.interpreter(place).parent
