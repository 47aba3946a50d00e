"""Serves a function for a debugger: `serve.py SOURCE TARGET HOST PORT`.

functions-framework serves with gunicorn, whose workers are processes of their own, where a debugger
would have to follow. This is one process, with a thread for each request and without time limits.

Runs in the Python of the functions, which may be old and has nothing of the emulator.
"""

import logging
import os
import sys

import functions_framework


def serve(source: str, target: str, host: str, port: int) -> None:
    """Serve until stopped."""
    app = functions_framework.create_app(target, source)  # type: ignore[no-untyped-call]
    if hasattr(app, "run"):  # Flask's
        logging.getLogger("werkzeug").setLevel(logging.WARNING)  # no line for each request
        app.run(host, port, threaded=True, use_reloader=False)
    else:
        import uvicorn

        uvicorn.run(app, host=host, port=port, log_level="error")


if __name__ == "__main__":
    sys.path[0] = os.getcwd()  # noqa: PTH109 - instead of the folder of this file
    serve(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
