"""The first lines of a child."""

import importlib
import os
import socket
import sys
from typing import Any

from quickthumb.limits import Limits


def boot(told: dict[str, Any]) -> None:
    """Run what the parent says, and end without a word to the rest of the interpreter.

    Args:
        told: `cook`, the module, the function and its further arguments; `limits`; `connection`,
            the file descriptor of the connection to the parent.
    """
    if sys.platform == "win32":
        connection = socket.fromshare(sys.stdin.buffer.read())
    else:
        connection = socket.socket(fileno=told["connection"])
    module, function, *arguments = told["cook"]
    run = getattr(importlib.import_module(module), function)
    run(connection, Limits(**told["limits"]), *arguments)
    os._exit(0)
