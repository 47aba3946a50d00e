"""Terminals that understand escape sequences, for colours and lines that are written anew.

Standard library only: it is used before anything is installed.
"""

import os
from typing import Any, TextIO

_VIRTUAL_TERMINAL_PROCESSING = 4


def shows_escapes(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that understands escape sequences.

    Consoles of Windows do so once they are asked to, since Windows 10.
    """
    if not stream.isatty():
        return False
    if os.name != "nt":
        return True
    import msvcrt

    from emulator.job_object import kernel32

    handle = msvcrt.get_osfhandle(stream.fileno())  # type: ignore[attr-defined,unused-ignore]
    return ask_console(handle, kernel32())


def ask_console(handle: int, library: Any) -> bool:
    """Ask a console to process escape sequences; return whether it will.

    https://learn.microsoft.com/en-us/windows/console/setconsolemode
    """
    import ctypes

    console, mode = ctypes.c_void_p(handle), ctypes.c_uint32()
    if not library.GetConsoleMode(console, ctypes.byref(mode)):
        return False
    wanted = ctypes.c_uint32(mode.value | _VIRTUAL_TERMINAL_PROCESSING)
    return bool(library.SetConsoleMode(console, wanted))
