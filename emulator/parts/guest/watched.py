"""Serves a function like functions-framework, and tells what it does.

    watched.py CONTROLS NAME TRIGGER --source FILE --target NAME --host HOST --port PORT

Standard output gets a line for each request that begins or ends, and for each process that starts:
a mark and a JSON object. What a function logs during a request is marked with that request.
`emulator/dashboard/heard.py` reads these lines.

CONTROLS is a JSON file that may change at any time: how much longer each job takes (`slow`,
seconds by function), and a word by function that kills the process whose message contains it
(`poison`).

Runs in the Python of the functions, which may be old and has nothing of the emulator.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import contextvars
import importlib.util
import io
import itertools
import json
import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

EVENT = "\x1e"
LOGGED = "\x1f"

_MOST_LINE = 4000  # bytes; pipes keep shorter writes of several processes apart (PIPE_BUF)
_MOST_BODY = 256 * 1024  # bytes of a push request that is looked into
_MOST_DATA = 2000  # characters of base64
_LONELY_SECONDS = 10.0
_SELF, _SELF_LOWER = "HTTP_X_QUICKTHUMB_EMULATOR", b"x-quickthumb-emulator"

current: contextvars.ContextVar[_Request | None] = contextvars.ContextVar("r", default=None)


class _Request:
    """A request in progress."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.began = time.perf_counter()
        self.line = ""


class Watch:
    """What the requests of a process have in common.

    Args:
        controls: path of the file.
        name: of the function.
        is_job: whether Pub/Sub calls it.
    """

    def __init__(self, controls: str, name: str, *, is_job: bool) -> None:
        self._path = controls
        self._name = name
        self.is_job = is_job
        self._numbers = itertools.count(1)
        self._running = 0
        self._lock = threading.Lock()
        self._read_at = (0, 0)
        self._controls: dict[str, Any] = {}

    def began(self, method: str, path: str, message: dict[str, Any] | None) -> _Request:
        """Tell that a request begins."""
        request = _Request(f"{os.getpid()}-{next(self._numbers)}")
        with self._lock:
            self._running += 1
        event = {"began": request.id, "pid": os.getpid(), "time": time.time()}
        event.update(method=method, path=path[:500])
        if message is not None:
            event["message"] = message
        tell(event)
        return request

    def ended(self, request: _Request, status: int) -> None:
        """Tell that a request has ended."""
        with self._lock:
            self._running -= 1
        if request.line:
            _write_line(sys.__stdout__, request.id, request.line)
        seconds = time.perf_counter() - request.began
        tell({"ended": request.id, "time": time.time(), "status": status, "seconds": seconds})

    def pause(self) -> float:
        """Return how many seconds a job waits before it begins."""
        if not self.is_job:
            return 0.0
        return float(self.controls().get("slow", {}).get(self._name, 0.0))

    def kills(self, data: bytes) -> bool:
        """Return whether a message is to kill this process."""
        word = self.controls().get("poison", {}).get(self._name)
        return bool(word) and word.encode() in data

    def is_alone(self) -> bool:
        """Return whether this process has no other request."""
        return self._running <= 1

    def controls(self) -> dict[str, Any]:
        """Return the contents of the file; empty if it is missing."""
        try:
            status = os.stat(self._path)  # noqa: PTH116 - takes a third of the time
            read_at = (status.st_mtime_ns, status.st_ino)
            if read_at != self._read_at:
                with open(self._path) as file:  # noqa: PTH123 - as above
                    self._controls = json.load(file)
                self._read_at = read_at
        except (OSError, ValueError):
            self._controls = {}
        return self._controls


def die() -> None:
    """End this process like a crash of native code."""
    os.kill(os.getpid(), signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)


def wrapped(app: Any, watch: Watch) -> Any:
    """Return an application that tells of its requests."""
    if hasattr(app, "wsgi_app"):  # Flask's; the server wants it to stay one
        app.wsgi_app = _Wsgi(app.wsgi_app, watch)
        return app
    return _Asgi(app, watch)


class _Wsgi:
    def __init__(self, app: Any, watch: Watch) -> None:
        self._app = app
        self._watch = watch

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        watch = self._watch
        if _SELF in environ:
            return self._app(environ, start_response)
        message, data = None, b""
        if watch.is_job:
            size = _size(environ.get("CONTENT_LENGTH", ""))
            if size:
                body = environ["wsgi.input"].read(size)
                environ["wsgi.input"] = io.BytesIO(body)
                message, data = _message(body)
        request = watch.began(environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""), message)
        token = current.set(request)
        status = [500]

        def started(line: str, *arguments: Any) -> Any:
            status[0] = int(line[:3])
            return start_response(line, *arguments)

        try:
            if watch.kills(data):
                end = time.monotonic() + _LONELY_SECONDS
                while not watch.is_alone() and time.monotonic() < end:
                    time.sleep(0.05)
                die()
            seconds = watch.pause()
            if seconds:
                time.sleep(seconds)
            return self._app(environ, started)
        finally:
            current.reset(token)
            watch.ended(request, status[0])


class _Asgi:
    def __init__(self, app: Any, watch: Watch) -> None:
        self._app = app
        self._watch = watch

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or _asks_for_health(scope):
            await self._app(scope, receive, send)
            return
        watch = self._watch
        message, data = None, b""
        if watch.is_job:
            headers = dict(scope["headers"])
            if _size(headers.get(b"content-length", b"").decode("latin-1")):
                receive, body = await _read(receive)
                message, data = _message(body)
        request = watch.began(scope["method"], scope["path"], message)
        token = current.set(request)
        status = [500]

        async def sent(event: dict[str, Any]) -> None:
            if event["type"] == "http.response.start":
                status[0] = event["status"]
            await send(event)

        try:
            if watch.kills(data):
                end = time.monotonic() + _LONELY_SECONDS
                while not watch.is_alone() and time.monotonic() < end:
                    await asyncio.sleep(0.05)
                die()
            seconds = watch.pause()
            if seconds:
                await asyncio.sleep(seconds)
            await self._app(scope, receive, sent)
        finally:
            current.reset(token)
            watch.ended(request, status[0])


def _asks_for_health(scope: dict[str, Any]) -> bool:
    """Return whether the emulator itself asks."""
    if scope["path"] != "/health":  # looking through the headers takes longer
        return False
    return any(name == _SELF_LOWER for name, _ in scope["headers"])


async def _read(receive: Any) -> tuple[Any, bytes]:
    """Return a body, and a `receive` that brings it again."""
    events: list[dict[str, Any]] = []
    while True:
        event = await receive()
        events.append(event)
        if event["type"] != "http.request" or not event.get("more_body"):
            break
    again = list(events)

    async def received() -> dict[str, Any]:
        return again.pop(0) if again else await receive()

    return received, b"".join(event.get("body", b"") for event in events)


def _size(text: str) -> int:
    """Return the size of a body that is looked into, else 0."""
    return int(text) if text.isdecimal() and int(text) <= _MOST_BODY else 0


def _message(body: bytes) -> tuple[dict[str, Any] | None, bytes]:
    """Return what to tell of the message in a push request, and its data."""
    try:
        envelope = json.loads(body)
        message = envelope["message"]
        encoded = str(message.get("data", ""))
        attributes = message.get("attributes") or {}
        told = {
            "id": message.get("messageId") or message.get("message_id"),
            "attempt": envelope.get("deliveryAttempt"),
            "published": message.get("publishTime") or message.get("publish_time"),
            "subscription": envelope.get("subscription"),
            "attributes": attributes if len(json.dumps(attributes)) <= 1000 else None,
            "data": encoded if len(encoded) <= _MOST_DATA else None,
        }
        return told, base64.b64decode(encoded)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None, b""


def tell(event: dict[str, Any]) -> None:
    """Write an event."""
    line = json.dumps(event, separators=(",", ":"))
    if len(line) > _MOST_LINE - 2 and "message" in event:
        kept = ("id", "attempt", "published", "subscription")
        event = dict(event, message={name: event["message"].get(name) for name in kept})
        line = json.dumps(event, separators=(",", ":"))
    write(sys.__stdout__, EVENT + line + "\n")


def _write_line(stream: Any, request: str, text: str) -> None:
    write(stream, LOGGED + request + LOGGED + text + "\n")


def write(stream: Any, text: str) -> None:
    """Write in one call, so that lines of several processes do not mix."""
    # It fails if nobody reads it any more.
    with contextlib.suppress(OSError):
        os.write(stream.fileno(), text.encode(errors="replace"))


class Marked(io.TextIOBase):
    """A standard stream whose lines say to which request they belong."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text; the last line of a request waits for its end."""
        request = current.get()
        if request is None:
            self._stream.write(text)
            self._stream.flush()
        else:
            *lines, request.line = (request.line + text).split("\n")
            for line in lines:
                _write_line(self._stream, request.id, line)
        return len(text)

    def flush(self) -> None:
        """Write what is buffered."""
        self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def fileno(self) -> int:
        """Return the file descriptor."""
        return int(self._stream.fileno())

    def isatty(self) -> bool:
        """Return False: it is a pipe."""
        return False


def tell_of_processes(*, is_instance: bool) -> None:
    """Tell of this process if it is an instance, else of each that the server forks."""
    if is_instance:
        tell({"started": os.getpid(), "time": time.time()})
        return
    server = os.getpid()

    def forked() -> None:
        if os.getppid() == server:
            tell({"started": os.getpid(), "time": time.time()})

    os.register_at_fork(after_in_child=forked)


def main(argv: list[str]) -> None:
    """Serve until stopped."""
    is_instance = _framework().prepare()
    import functions_framework

    controls, name, trigger = argv[1:4]
    watch = Watch(controls, name, is_job=trigger == "pubsub")
    sys.stdout, sys.stderr = Marked(sys.stdout), Marked(sys.stderr)
    create: Callable[..., Any] = functions_framework.create_app

    def create_app(*arguments: Any, **options: Any) -> Any:
        return wrapped(create(*arguments, **options), watch)

    functions_framework.create_app = create_app
    tell_of_processes(is_instance=is_instance)
    sys.argv = ["functions-framework", *argv[4:]]
    runpy.run_module("functions_framework", run_name="__main__", alter_sys=True)


def _framework() -> Any:
    """Return the module beside this one, without its name getting in the way of the functions'."""
    path = os.path.join(os.path.dirname(__file__), "framework.py")  # noqa: PTH118, PTH120
    spec = importlib.util.spec_from_file_location("_quickthumb_framework", path)
    assert spec is not None and spec.loader is not None  # noqa: PT018, S101 - the file is there
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.path[0] = os.getcwd()  # noqa: PTH109 - instead of the folder of this file
    main(sys.argv)
