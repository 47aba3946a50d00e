"""Environments of their own, for what must not lie beside the tests' packages.

They are made inside `.venv`, once for each content of their requirements, and kept.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from emulator.bootstrap import VENV
from emulator.lock import exclusive

_FOLDER = VENV / "others"


def environment(name: str, requirements: Path, also: Sequence[Path] = ()) -> Path:
    """Return the programs of an environment that has what a file of requirements asks for.

    Args:
        name: of the environment.
        requirements: the file.
        also: files that it refers to.

    Returns:
        The folder where they are.

    Raises:
        RuntimeError: pip failed; the message is what it said.
    """
    content = b"\0".join(path.read_bytes() for path in (requirements, *also))
    wanted = hashlib.sha256(content + sys.version.encode()).hexdigest()
    place = _FOLDER / name
    stamp = place / "installed"
    _FOLDER.mkdir(exist_ok=True)
    with exclusive(_FOLDER / f"{name}.lock", wait=True):  # other processes run tests as well
        if not stamp.exists() or stamp.read_text() != wanted:
            shutil.rmtree(place, ignore_errors=True)
            _run(sys.executable, "-m", "venv", str(place))
            _run(
                *(str(place / "bin" / "python"), "-m", "pip", "install", "--no-input"),
                *("--disable-pip-version-check", "--requirement", str(requirements)),
            )
            stamp.write_text(wanted)
    return place / "bin"


def _run(*command: str) -> None:
    result = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if result.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{result.stdout[-3000:]}")
