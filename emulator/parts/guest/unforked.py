"""Instances of a function where there is no gunicorn, as on Windows.

One process listens and keeps as many others, the instances, which accept from its socket. Those
serve with what functions-framework brings along, Werkzeug and uvicorn, since the Python of the
functions may have nothing else.

Runs in the Python of the functions, which may be old and has nothing of the emulator.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any

_LISTENER = "QUICKTHUMB_EMULATOR_LISTENER"
"""Tells an instance where its socket is: a file descriptor, or `stdin`."""

_CANNOT_LOAD = (1, 2)
"""Exit statuses of Python before it serves: an exception, or wrong options."""

_OVERDUE = 3
"""Exit status of an instance whose request took too long."""

_POLL = 0.1  # seconds


def is_instance() -> bool:
    """Return whether this process is an instance."""
    return _LISTENER in os.environ


def keep_instances(host: str, port: int, count: int) -> int:
    """Keep instances, which run the command line of this process, until it is asked to end.

    Returns:
        The exit status: that of an instance which could not load the function, else 0.
    """
    listener = socket.socket()
    exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)  # Windows
    listener.setsockopt(socket.SOL_SOCKET, exclusive or socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(2048)
    asked = threading.Event()
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: asked.set())
    instances = [_start(listener) for _ in range(count)]
    try:
        while not asked.is_set():
            for index, instance in enumerate(instances):
                status = instance.poll()
                if status in _CANNOT_LOAD:
                    return status
                if status is not None and not asked.is_set():
                    instances[index] = _start(listener)
            time.sleep(_POLL)
    finally:
        for instance in instances:
            if os.name != "nt":  # there they got Ctrl-Break too, and this would be a hard kill
                instance.terminate()
        for instance in instances:
            instance.wait()
    return 0


def _start(listener: socket.socket) -> "subprocess.Popen[bytes]":
    command = [sys.executable, *sys.argv]
    if os.name != "nt":
        told = {**os.environ, _LISTENER: str(listener.fileno())}
        return subprocess.Popen(command, env=told, pass_fds=[listener.fileno()])
    told = {**os.environ, _LISTENER: "stdin"}
    instance = subprocess.Popen(command, env=told, stdin=subprocess.PIPE)
    assert instance.stdin is not None  # noqa: S101 - because of PIPE
    with instance.stdin as stdin:
        stdin.write(listener.share(instance.pid))  # type: ignore[attr-defined,unused-ignore]
    return instance


def take_over() -> None:
    """Let functions-framework serve from the socket of this instance."""
    from functions_framework import _http

    _http.create_server = lambda app, *_arguments, **_options: _Server(app)


class _Server:
    def __init__(self, app: Any) -> None:
        self._app = app

    def run(self, *_address: object) -> None:
        """Serve until this process is asked to end."""
        listener = _listener()
        listener.setblocking(False)  # another instance may be first
        if hasattr(self._app, "wsgi_app"):  # Flask's
            _serve_wsgi(self._app, listener, int(os.environ.get("THREADS", "1")))
        else:
            _serve_asgi(self._app, listener)


def _listener() -> socket.socket:
    told = os.environ.pop(_LISTENER)
    if told == "stdin":
        return socket.fromshare(sys.stdin.buffer.read())  # type: ignore[attr-defined,no-any-return,unused-ignore]
    return socket.socket(fileno=int(told))


def _serve_wsgi(app: Any, listener: socket.socket, threads: int) -> None:
    """Serve with so many threads. A request is accepted when there is one for it.

    A process with one thread ends when its request takes too long; one with several does not, since
    that would end other requests. gunicorn does the same.
    """
    from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

    free = threading.Semaphore(threads)
    seconds = int(os.environ.get("CLOUD_RUN_TIMEOUT_SECONDS", "0")) if threads == 1 else 0

    class Handler(WSGIRequestHandler):
        def log_request(self, *_: object) -> None:
            """Write no line for each request."""

    class Server(ThreadedWSGIServer):
        daemon_threads = False  # requests are finished before the end

        def get_request(self) -> Any:
            free.acquire()
            try:
                connection, address = super().get_request()
            except BaseException:
                free.release()
                raise
            connection.setblocking(True)  # on Windows it is like its listener
            return connection, address

        def process_request_thread(self, *arguments: Any) -> None:
            overdue = threading.Timer(seconds, _give_up, [seconds])
            overdue.daemon = True
            if seconds:
                overdue.start()
            try:
                super().process_request_thread(*arguments)
            finally:
                overdue.cancel()
                free.release()

    host, port = listener.getsockname()
    server = Server(host, port, app, Handler, fd=listener.fileno())
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            # In a thread, since it waits for the loop, which the signal has interrupted.
            stop = lambda *_: threading.Thread(target=server.shutdown).start()  # noqa: E731
            signal.signal(getattr(signal, name), stop)
    server.serve_forever(poll_interval=_POLL)
    server.server_close()


def _give_up(seconds: float) -> None:
    print(f"A request took longer than {seconds} s: its process ends.", file=sys.stderr, flush=True)
    os._exit(_OVERDUE)


def _serve_asgi(app: Any, listener: socket.socket) -> None:
    import asyncio

    import uvicorn

    # Windows' default loop cannot use a socket that several processes share.
    loop = asyncio.SelectorEventLoop()
    asyncio.set_event_loop(loop)
    config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=10)
    loop.run_until_complete(uvicorn.Server(config).serve(sockets=[listener]))
