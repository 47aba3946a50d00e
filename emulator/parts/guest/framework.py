"""Runs functions-framework with instances like those of Cloud Run: `framework.py OPTIONS…`.

Runs in the Python of the functions, which may be old and has nothing of the emulator.
"""

import importlib
import importlib.util
import os
import runpy
import sys
from typing import Any


def prepare() -> bool:
    """Give functions-framework a server that lets an instance take only as much as it can.

    Where there is no gunicorn, a process that is not an instance keeps instances and ends in here.

    Returns:
        Whether this process alone is an instance; otherwise the server will fork them.
    """
    try:
        importlib.import_module("gunicorn.app.base")  # it is installed, and runs on this system
    except ImportError:
        unforked = _unforked()
        if not unforked.is_instance():
            host, port = (sys.argv[sys.argv.index(name) + 1] for name in ("--host", "--port"))
            count = int(os.environ.get("WORKERS", "1"))
            sys.exit(unforked.keep_instances(host, int(port), count))
        unforked.take_over()
        return True
    _share_requests()
    return False


def _share_requests() -> None:
    """Let an instance accept a request only when it can start on it.

    By default gunicorn's workers accept up to a thousand connections, and those that wait in one
    are not seen by another that has nothing to do. Without room for idle connections, each request
    has a connection of its own, which is accepted by an instance that has a thread for it.
    """
    from functions_framework._http import gunicorn as servers

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


def _unforked() -> Any:
    """Return the module beside this one, without its name getting in the way of the functions'."""
    path = os.path.join(os.path.dirname(__file__), "unforked.py")  # noqa: PTH118, PTH120
    spec = importlib.util.spec_from_file_location("_quickthumb_unforked", path)
    assert spec is not None and spec.loader is not None  # noqa: PT018, S101 - the file is there
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.path[0] = os.getcwd()  # noqa: PTH109 - instead of the folder of this file
    prepare()
    runpy.run_module("functions_framework", run_name="__main__", alter_sys=True)
