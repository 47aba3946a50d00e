"""Serves the public key of push tokens over HTTP, in both formats that Google uses, and metrics.

The keys are public, but no web page needs them: requests with a foreign `Host` or `Origin` are
refused. A server that listens beyond the loopback interface cannot know its own host names, so it
answers all requests.
"""

import asyncio
import json
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import h11

from emulator.pubsub.doors.metrics import CONTENT_TYPE
from emulator.pubsub.doors.origins import Origins

KEY_FILE_NAME = "signing-key.pem"
"""The private key in the data folder."""

JWKS_PATH = "/oauth2/v3/certs"
PEM_PATH = "/oauth2/v1/certs"
METRICS_PATH = "/metrics"

_REQUEST_SECONDS = 10.0
_READ_BYTES = 65_536


async def serve_keys(
    listeners: Sequence[socket.socket],
    host: str,
    jwks: Callable[[], Any],
    pem: Callable[[], Any],
    metrics: Callable[[], str],
) -> list[asyncio.Server]:
    """Start the key server, and return what has to be closed.

    Args:
        listeners: Sockets that listen.
        host: What they listen on: an address or host name.
        jwks: Returns the JSON Web Key Set.
        pem: Returns the keys as PEM by key id.
        metrics: Returns the metrics.
    """
    keys = {JWKS_PATH: jwks, PEM_PATH: pem}
    origins = Origins(host)

    def reply(target: str, headers: Mapping[str, str]) -> tuple[int, str, str, str]:
        """Return status, content type, cache control and body."""
        if origins.listens_privately and (reason := origins.refusal(headers)):
            return 403, "text/plain; charset=utf-8", "no-store", f"{reason}\n"
        path = target.partition("?")[0]
        if path == METRICS_PATH:
            return 200, CONTENT_TYPE, "no-store", metrics()
        if path in keys:
            return 200, "application/json", "public, max-age=3600", json.dumps(keys[path]())
        return 404, "application/json", "no-store", "{}"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                request = await _read(reader)
            status, kind, cache, body = reply(
                request.target.decode("latin-1"), _text(request.headers)
            )
            writer.write(
                f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: {kind}\r\n"
                f"Content-Length: {len(body.encode())}\r\nCache-Control: {cache}\r\n"
                f"Vary: Origin\r\nConnection: close\r\n\r\n{body}".encode()
            )
            await writer.drain()
        except (OSError, TimeoutError, h11.RemoteProtocolError):
            return  # The client disconnected, or does not speak HTTP.
        finally:
            writer.close()

    return [await asyncio.start_server(answer, sock=each) for each in listeners]


async def _read(reader: asyncio.StreamReader) -> h11.Request:
    """Return the head of a request.

    Raises:
        h11.RemoteProtocolError: If it is not valid HTTP.
    """
    connection = h11.Connection(h11.SERVER)
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(await reader.read(_READ_BYTES))
    if not isinstance(event, h11.Request):
        raise h11.RemoteProtocolError("expected a request")
    return event


def _text(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
