"""The entry point of a child process."""

import importlib
import os
import signal
import socket
import sys
import traceback
from typing import Any

from quickthumb.limits import Limits


def boot(told: dict[str, Any]) -> None:
    """Run the function that the parent names, and exit.

    Args:
        told: `cook`, the module, the function and its extra arguments; `limits`; `connection`, the
            file descriptor of the connection to the parent.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # it ends with its parent, not before
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    if sys.platform == "win32":
        connection = socket.fromshare(sys.stdin.buffer.read())
    else:
        connection = socket.socket(fileno=told["connection"])
    module, function, *arguments = told["cook"]
    status = 1
    try:
        run = getattr(importlib.import_module(module), function)
        run(connection, Limits(**told["limits"]), *arguments)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        # A normal exit would close the connection some time before there is an exit status.
        os._exit(status)
