"""Serves the public key of push tokens over HTTP, in both forms that Google serves its keys.

The keys are no secret. Still it answers no web page, like all servers here, unless it was told to
listen on more than this machine: then people call it by names that it cannot know.
"""

import asyncio
import ipaddress
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from emulator.http1 import Malformed, Request, read_request
from emulator.visitors import NotLetIn, Visitors

KEY_FILE_NAME = "signing-key.pem"
"""The file in a broker's data folder that has its key."""

JWKS_PATH = "/oauth2/v3/certs"
PEM_PATH = "/oauth2/v1/certs"

_REQUEST_SECONDS = 10.0


async def serve_keys(
    host: str, port: int, jwks: Callable[[], Any], pem: Callable[[], Any]
) -> asyncio.Server:
    """Start to serve keys.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 for a free one.
        jwks: Returns the JSON Web Key Set.
        pem: Returns the keys as PEM by key id.

    Raises:
        OSError: If the port is taken.
    """
    documents = {JWKS_PATH: jwks, PEM_PATH: pem}
    visitors = Visitors() if _is_this_machine(host) else None

    def reply(request: Request) -> tuple[int, str, str]:
        if visitors is not None:
            try:
                visitors.check(request.host, request.get("origin"))
            except NotLetIn as error:
                return 403, "text/plain; charset=utf-8", f"{error}\n"
        document = documents.get(request.target.partition("?")[0])
        if document is None:
            return 404, "application/json", "{}"
        return 200, "application/json", json.dumps(document())

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            status, kind, body = reply(read_request(head))
            kept = "Cache-Control: public, max-age=3600\r\n" if status == 200 else ""
            writer.write(
                f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: {kind}\r\n"
                f"Content-Length: {len(body.encode())}\r\n{kept}Vary: Origin\r\n"
                f"Connection: close\r\n\r\n{body}".encode()
            )
            await writer.drain()
        except (
            *(OSError, TimeoutError, Malformed),
            *(asyncio.IncompleteReadError, asyncio.LimitOverrunError),
        ):
            return  # It is the client that went away, or never spoke HTTP.
        finally:
            writer.close()

    return await asyncio.start_server(answer, host, port)


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
