"""Calls to the function `upload` over persistent connections, like a busy client."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from infra.smoke_test import Service
from infra.trial.commands import Failed

_TIMEOUT = 70  # seconds; above what `?wait=` may take
WAIT_SECONDS = 20  # asked of the service in one request
_CLOSED = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)
"""Raised by a request on a connection that the server has closed after the last one."""
_TOKEN_SECONDS = 1800  # after which a new token is fetched; it is valid for an hour


@dataclass(frozen=True, slots=True)
class Answer:
    """A response of the service.

    Attributes:
        status: HTTP status.
        body: its bytes.
        retry_after: value of `Retry-After`, seconds; 0 if missing.
        seconds: duration of the request.
    """

    status: int
    body: bytes
    retry_after: float
    seconds: float

    def document(self) -> dict[str, Any]:
        """Return the body as JSON.

        Raises:
            Failed: it is not JSON.
        """
        try:
            document = json.loads(self.body)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise Failed(f"expected a JSON document, got {self.body[:200]!r}")
        return document


@dataclass
class Caller:
    """Calls the service; thread-safe.

    Attributes:
        url: of the function `upload`.
        token: returns an identity token, empty for a public function; called every half hour.
        key: API key, empty for a service that needs none.
    """

    url: str
    token: Callable[[], str]
    key: str = ""
    _local: threading.local = field(default_factory=threading.local)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _shown: tuple[float, str] | None = None

    def service(self, url: str = "") -> Service:
        """Return this service, or a revision of it at another URL, for the smoke test."""
        return Service(url or self.url, self._fresh_token(), self.key)

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> Answer:
        """Make a request.

        Raises:
            Failed: there was no response.
        """
        own = {"Authorization": f"Bearer {token}"} if (token := self._fresh_token()) else {}
        own |= {"X-API-Key": self.key} if self.key else {}
        started = time.monotonic()
        for is_last in (False, True):
            try:
                return self._request(method, path, body, {**own, **headers}, started)
            except (OSError, http.client.HTTPException) as error:
                self._close()
                if is_last or not isinstance(error, _CLOSED):
                    raise Failed(f"{method} {path}: {error!r}") from None
        raise AssertionError("the last attempt returns or raises")

    def _request(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        started: float,
    ) -> Answer:
        connection = self._connection()
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        data = response.read()
        waits = response.headers.get("Retry-After", "")
        return Answer(
            response.status,
            data,
            float(waits) if waits.isdecimal() else 0.0,
            time.monotonic() - started,
        )

    def _connection(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            scheme, netloc, *_ = urlsplit(self.url)
            kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
            connection = self._local.connection = kind(netloc, timeout=_TIMEOUT)
        return connection

    def _close(self) -> None:
        self._connection().close()
        self._local.connection = None

    def _fresh_token(self) -> str:
        with self._lock:
            if self._shown is None or time.monotonic() - self._shown[0] > _TOKEN_SECONDS:
                self._shown = time.monotonic(), self.token()
            return self._shown[1]


def expect(answer: Answer, status: int, what: str) -> Answer:
    """Check the status of a response.

    Raises:
        Failed: it differs.
    """
    if answer.status != status:
        text = answer.body.decode(errors="replace")[:500]
        raise Failed(f"{what}: expected {status}, got {answer.status}: {text}")
    return answer


def wait_until_done(caller: Caller, id: str, seconds: float) -> None:
    """Wait until an upload has its thumbnails.

    Raises:
        Failed: the job failed, or has not ended in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = caller.call("GET", f"/{id}?wait={WAIT_SECONDS}")
        if answer.status in (429, 503):
            time.sleep(answer.retry_after or 1.0)
        else:
            status = expect(answer, 200, f"the status of {id}").document()
            if status["status"] == "done":
                return
            if status["status"] == "failed":
                raise Failed(f"{id} failed: {status.get('error')}")
        if time.monotonic() > deadline:
            raise Failed(f"{id} is not done after {seconds:.0f} seconds")
