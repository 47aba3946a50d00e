"""Serves the public key of push tokens over HTTP, in both forms that Google serves its keys."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

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

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            path = (head.split(b" ", 2)[1:2] or [b""])[0].decode("latin-1").partition("?")[0]
            document = documents.get(path)
            status, body = (
                ("200 OK", json.dumps(document())) if document else ("404 Not Found", "{}")
            )
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nCache-Control: public, max-age=3600\r\n"
                f"Connection: close\r\n\r\n{body}".encode()
            )
            await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # It is the client that went away, or never spoke HTTP.
        finally:
            writer.close()

    return await asyncio.start_server(answer, host, port)
