"""Runs functions-framework with instances like those of Cloud Run: `framework.py OPTIONS…`.

Runs in the Python of the functions, which may be old and has nothing of the emulator.
"""

import os
import runpy
import sys
from typing import Any


def share_requests() -> None:
    """Let an instance accept a request only when it can start on it.

    By default gunicorn's workers accept up to a thousand connections, and those that wait in one
    are not seen by another that has nothing to do. Without room for idle connections, each request
    has a connection of its own, which is accepted by an instance that has a thread for it.
    """
    try:
        from functions_framework._http import gunicorn as servers
    except ImportError:  # there is no gunicorn for Windows
        return
    for name in ("GunicornApplication", "UvicornApplication"):
        if hasattr(servers, name):
            _configure(getattr(servers, name))


def _configure(server: Any) -> None:
    load = server.load_config

    def load_config(self: Any) -> None:
        load(self)
        self.cfg.set("worker_connections", self.cfg.threads)
        if "control_socket_disable" in self.cfg.settings:  # one file for all functions, in `HOME`
            self.cfg.set("control_socket_disable", True)

    server.load_config = load_config


if __name__ == "__main__":
    sys.path[0] = os.getcwd()  # noqa: PTH109 - instead of the folder of this file
    share_requests()
    runpy.run_module("functions_framework", run_name="__main__", alter_sys=True)
