"""A relay between Pub/Sub and a function, which delivers late, out of order and twice."""

import random
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

from emulator.ports import HOST

_SECONDS = 120  # above any ack deadline here


class Relay:
    """Receives pushes on its own port, and forwards them.

    Args:
        target: URL of the function.
        seed: for delays and duplicates.
        trouble: share of delayed pushes; half of them are delivered twice.

    Attributes:
        delayed: how many pushes were late.
        doubled: how many were delivered twice.
        broken: how many got no answer.
    """

    def __init__(self, target: str, seed: int, trouble: float) -> None:
        self._target = target
        self._random = random.Random(seed)
        self._trouble = trouble
        self._lock = threading.Lock()
        self.delayed = 0
        self.doubled = 0
        self.broken = 0
        relay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = relay.push(body, dict(self.headers))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: Any) -> None:
                """Say nothing: the broker was killed while it waited."""

        self._server = Server((HOST, 0), Handler)
        self.url = f"http://{HOST}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def push(self, body: bytes, headers: dict[str, str]) -> int:
        """Deliver a push; return the status of the response."""
        with self._lock:
            delay = self._random.uniform(0, 1) if self._random.random() < self._trouble else 0
            double = self._random.random() < self._trouble / 2
            self.delayed += delay > 0
            self.doubled += double
        if double:
            again = self._random.uniform(0, 3)
            timer = threading.Timer(again, self._forward, (body, headers))
            timer.daemon = True
            timer.start()
        time.sleep(delay)
        return self._forward(body, headers)

    def _forward(self, body: bytes, headers: dict[str, str]) -> int:
        kept = {
            name: text
            for name, text in headers.items()
            if name.lower() not in ("host", "content-length", "connection")
        }
        try:
            return requests.post(self._target, body, headers=kept, timeout=_SECONDS).status_code
        except requests.RequestException:
            with self._lock:
                self.broken += 1
            return 502

    def stop(self) -> None:
        """Stop accepting pushes."""
        self._server.shutdown()
        self._server.server_close()
