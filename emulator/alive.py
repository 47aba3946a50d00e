"""Whether a process runs."""

import ctypes
import os
from typing import Any

from emulator.job_object import kernel32

_SYNCHRONIZE = 0x100000
_WAIT_TIMEOUT = 0x102


def is_alive(pid: int) -> bool:
    """Return whether a process of this user runs."""
    return runs_on_windows(pid, kernel32()) if os.name == "nt" else _on_posix(pid)


def _on_posix(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def runs_on_windows(pid: int, library: Any) -> bool:
    """Return whether a process runs, by the library kernel32 of Windows.

    It waits for the process, but not at all: an exit status may look like that of one that runs.

    https://learn.microsoft.com/en-us/windows/win32/api/processthreadsapi/nf-processthreadsapi-getexitcodeprocess#remarks
    """
    handle = ctypes.c_void_p(
        library.OpenProcess(ctypes.c_uint32(_SYNCHRONIZE), ctypes.c_int(0), ctypes.c_uint32(pid))
    )
    if not handle.value:
        return False
    try:
        return bool(library.WaitForSingleObject(handle, ctypes.c_uint32(0)) == _WAIT_TIMEOUT)
    finally:
        library.CloseHandle(handle)
