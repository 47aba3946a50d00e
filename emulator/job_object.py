"""Job objects of Windows: processes that end together.

https://learn.microsoft.com/en-us/windows/win32/procthread/job-objects
"""

import ctypes
from functools import cache
from typing import Any

_EXTENDED_LIMIT_INFORMATION = 9
_KILL_ON_JOB_CLOSE = 0x2000


class _Basic(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    _fields_ = (
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", ctypes.c_uint32),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", ctypes.c_uint32),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", ctypes.c_uint32),
        ("SchedulingClass", ctypes.c_uint32),
    )


class Limits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

    _fields_ = (
        ("BasicLimitInformation", _Basic),
        ("IoInfo", ctypes.c_uint64 * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    )


@cache
def kernel32() -> Any:
    """Return the library of Windows with what is used here."""
    library = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    for returns_handle in (library.CreateJobObjectW, library.OpenProcess):
        returns_handle.restype = ctypes.c_void_p  # by default 32 bits, too few for a handle
    return library


class Job:
    """A job object. Its processes are killed when it is closed, and when this process ends.

    Args:
        library: kernel32, for tests on other systems.

    Raises:
        OSError: the system refuses.
    """

    def __init__(self, library: Any = None) -> None:
        self._kernel32 = library or kernel32()
        self._handle = ctypes.c_void_p(self._kernel32.CreateJobObjectW(None, None))
        self._expect(self._handle.value)
        limits = Limits()
        limits.BasicLimitInformation.LimitFlags = _KILL_ON_JOB_CLOSE
        self._expect(
            self._kernel32.SetInformationJobObject(
                self._handle,
                ctypes.c_int(_EXTENDED_LIMIT_INFORMATION),
                ctypes.byref(limits),
                ctypes.c_uint32(ctypes.sizeof(limits)),
            )
        )

    def add(self, process: int) -> None:
        """Put a process into the job by its handle; those that it starts are in it, too.

        One that has already ended is left out.

        Raises:
            OSError: the system refuses.
        """
        self._kernel32.AssignProcessToJobObject(self._handle, ctypes.c_void_p(process))

    def close(self) -> None:
        """Kill what is left of it."""
        self._kernel32.CloseHandle(self._handle)

    def _expect(self, succeeded: Any) -> None:
        if not succeeded:
            raise ctypes.WinError(ctypes.get_last_error())  # type: ignore[attr-defined,unused-ignore]
