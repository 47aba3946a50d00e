"""An HTTP server that passes each request on to a function."""

import threading
from abc import ABC, abstractmethod
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from emulator.ports import HOST

Response = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers, body."""

OF_THE_CONNECTION = {"connection", "keep-alive", "transfer-encoding"}
"""Headers that are not passed on."""


class Relay(ABC):
    """Listens, and answers requests with what `pass_on` returns.

    Args:
        port: where it listens; 0 for any free port.

    Attributes:
        url: its address.
    """

    def __init__(self, port: int = 0) -> None:
        self._http = ThreadingHTTPServer((HOST, port), self._handler())
        self._http.daemon_threads = True
        self.url = f"http://{HOST}:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    @abstractmethod
    def pass_on(
        self, method: str, path: str, headers: "Message[str, str]", body: bytes
    ) -> Response:
        """Return the response to a request."""

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        relay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self._answer(*relay.pass_on(self.command, self.path, self.headers, body))

            def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in OF_THE_CONNECTION | {"content-length"}:
                        self.send_header(name, value)
                if status >= 200 and status not in (204, 304):
                    length = str(len(body))
                    if self.command == "HEAD":
                        length = dict(headers).get("Content-Length", length)
                    self.send_header("Content-Length", length)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
