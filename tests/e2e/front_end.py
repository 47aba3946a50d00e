"""The front end of a function on Cloud Run, which limits concurrent requests.

Further requests wait, as in the cloud if no further instance may be started.
"""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from emulator.ports import HOST

_OF_A_CONNECTION = {"connection", "keep-alive", "transfer-encoding"}


class FrontEnd:
    """Forwards requests to a server, with limited concurrency.

    Args:
        port: to listen on.
        server: port of the server.
        concurrency: maximum number of concurrent requests.
        timeout: after which a request is answered with 504, seconds.

    Attributes:
        most: highest number of concurrent requests so far.
    """

    def __init__(self, port: int, server: int, concurrency: int, timeout: float) -> None:
        self.most = 0
        self._server = server
        self._timeout = timeout
        self._turn = threading.Semaphore(concurrency)
        self._lock = threading.Lock()
        self._working = 0
        self._http = ThreadingHTTPServer((HOST, port), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        front_end = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self._answer(*front_end.pass_on(self.command, self.path, self.headers, body))

            def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in _OF_A_CONNECTION | {"content-length"}:
                        self.send_header(name, value)
                if status >= 200 and status not in (204, 304):
                    length = dict(headers).get("Content-Length", str(len(body)))
                    self.send_header(
                        "Content-Length", length if self.command == "HEAD" else str(len(body))
                    )
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def pass_on(
        self, method: str, path: str, headers: http.client.HTTPMessage, body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        with self._turn:
            with self._lock:
                self._working += 1
                self.most = max(self.most, self._working)
            connection = http.client.HTTPConnection(HOST, self._server, timeout=self._timeout)
            try:
                kept = {k: v for k, v in headers.items() if k.lower() not in _OF_A_CONNECTION}
                connection.request(method, path, body or None, kept)
                answer = connection.getresponse()
                return answer.status, answer.getheaders(), answer.read()
            except TimeoutError:
                return 504, [], b"upstream request timeout"
            except (OSError, http.client.HTTPException):
                # The process has ended or is not ready, to which Cloud Run responds like this too.
                return 503, [], b"no instance"
            finally:
                connection.close()
                with self._lock:
                    self._working -= 1
