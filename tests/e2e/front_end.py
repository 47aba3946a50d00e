"""The front end of a function on Cloud Run, which limits concurrent requests.

Further requests wait, as in the cloud if no further instance may be started.
"""

import http.client
import threading
from email.message import Message

from emulator.ports import HOST
from tests.relay import OF_THE_CONNECTION, Relay, Response


class FrontEnd(Relay):
    """Passes requests on to a server, a limited number at once.

    Args:
        port: where it listens.
        server: port that it passes requests on to.
        concurrency: the most requests at once.
        timeout: after which a request is answered with 504, seconds.

    Attributes:
        most: requests that were at work at once at most.
    """

    def __init__(self, port: int, server: int, concurrency: int, timeout: float) -> None:
        self.most = 0
        self._server = server
        self._timeout = timeout
        self._turn = threading.Semaphore(concurrency)
        self._lock = threading.Lock()
        self._working = 0
        super().__init__(port)

    def pass_on(
        self, method: str, path: str, headers: "Message[str, str]", body: bytes
    ) -> Response:
        with self._turn:
            with self._lock:
                self._working += 1
                self.most = max(self.most, self._working)
            connection = http.client.HTTPConnection(HOST, self._server, timeout=self._timeout)
            try:
                kept = {k: v for k, v in headers.items() if k.lower() not in OF_THE_CONNECTION}
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
