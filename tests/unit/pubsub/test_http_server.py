"""HTTP connections whose clients do not read what they are sent."""

import asyncio

import pytest

from emulator.pubsub.doors import http_server
from emulator.pubsub.doors.http_server import HttpConnection, HttpServer, Response

REQUESTS, BYTES = 64, 1024 * 1024
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Counting:
    """Answers requests with a megabyte, and counts them."""

    def __init__(self) -> None:
        self.count = 0

    async def answer(self, _request):
        self.count += 1
        return Response(200, bytes(BYTES))


async def asked(counting):
    """Ask for more than fits into the buffers of the system; return servers and connection."""
    http = HttpServer(counting.answer)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: HttpConnection(http), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), limit=1024)
    writer.write(REQUEST * REQUESTS)
    await writer.drain()
    return http, server, reader, writer


async def answered(counting, count):
    while counting.count < count:
        await asyncio.sleep(0.01)


def test_a_client_that_reads_nothing_is_answered_little_and_disconnected(monkeypatch):
    monkeypatch.setattr(http_server, "REQUEST_SECONDS", 0.5)

    async def scene():
        counting = Counting()
        http, server, _, writer = await asked(counting)
        async with server, asyncio.timeout(30):
            await answered(counting, 1)
            while http.connections:
                await asyncio.sleep(0.01)
        writer.transport.abort()
        return counting.count

    assert asyncio.run(scene()) < REQUESTS / 2


@pytest.mark.parametrize("ends", [b"", b"Connection: close\r\n"], ids=["kept", "closed"])
def test_a_client_that_reads_late_gets_every_answer(ends):
    async def scene():
        counting = Counting()
        http, server, reader, writer = await asked(counting)
        async with server, asyncio.timeout(30):
            last = REQUEST.replace(b"\r\n\r\n", b"\r\n" + ends + b"\r\n")
            writer.write(last)
            await answered(counting, 1)
            for _ in range(REQUESTS + 1):
                await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(BYTES)
            is_closed = ends and await reader.read() == b""
        writer.close()
        await http.close(0)
        return counting.count, bool(is_closed)

    assert asyncio.run(scene()) == (REQUESTS + 1, bool(ends))
