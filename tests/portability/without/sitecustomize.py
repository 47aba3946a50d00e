"""Takes from Python what Windows does not have, in every process with this folder in PYTHONPATH."""

import os
import subprocess  # noqa: F401 - before it would take `msvcrt` for that of Windows
import sys
from types import ModuleType

for name in ("fcntl", "grp", "gunicorn", "pwd", "resource"):
    sys.modules[name] = None  # importing it raises ImportError

del os.splice  # the broker does without it elsewhere


def locking(descriptor: int, mode: int, size: int) -> None:
    """Lock as msvcrt does, without waiting."""
    assert mode == msvcrt.LK_NBLCK
    os.lockf(descriptor, os.F_TLOCK, size)


msvcrt = ModuleType("msvcrt")
msvcrt.LK_NBLCK = 2
msvcrt.locking = locking
sys.modules["msvcrt"] = msvcrt
