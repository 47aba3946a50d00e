"""An HTTP server that takes pushes, keeps them, and answers as told."""

import json
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Push:
    """A request that came."""

    headers: dict[str, str]
    body: bytes
    time: float

    @property
    def envelope(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document

    @property
    def data(self) -> bytes:
        return b64decode(self.envelope["message"].get("data", ""))


@dataclass
class Endpoint:
    """Where pushes arrive.

    Attributes:
        url: to subscribe with.
        pushes: all that came, in order.
        answer: gives the status for a push; may take its time.
        most_at_once: the most requests that were open at the same time.
    """

    url: str = ""
    pushes: list[Push] = field(default_factory=list)
    answer: Callable[[Push], int] = lambda push: 204
    most_at_once: int = 0
    _open: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, push: Push) -> int:
        with self._lock:
            self.pushes.append(push)
            self._open += 1
            self.most_at_once = max(self.most_at_once, self._open)
        try:
            return self.answer(push)
        finally:
            with self._lock:
                self._open -= 1

    def wait(self, count: int, seconds: float = 30) -> list[Push]:
        """Wait until so many pushes have come."""
        eventually(lambda: len(self.pushes) >= count, seconds)
        return self.pushes


def eventually(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for something; fail if it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


@contextmanager
def listening(port: int = 0) -> Iterator[Endpoint]:
    """Run an endpoint on the loopback interface."""
    endpoint = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(endpoint.take(Push(headers, body, time.monotonic())))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = _Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/push"
    yield endpoint
    server.shutdown()
    server.server_close()
    thread.join()
