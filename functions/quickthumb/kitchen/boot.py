"""The first lines of a child."""

import importlib
import os
import signal
import socket
import sys
import traceback
from typing import Any

from quickthumb.limits import Limits


def boot(told: dict[str, Any]) -> None:
    """Run what the parent says, and end.

    Args:
        told: `cook`, the module, the function and its further arguments; `limits`; `connection`,
            the file descriptor of the connection to the parent.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # it ends when its parent does, and not before
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
        # Otherwise the connection would be closed a while before there is a status.
        os._exit(status)
