"""One port for two protocols: who gets a connection, and whether its bytes arrive."""

import asyncio
import hashlib
import random
import socket

import pytest

from emulator.ports import HOST
from emulator.pubsub.doors import front as door

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
LARGE = random.Random(7).randbytes(8_000_000)
SLOW_BUFFER = 4096


class Http(asyncio.Protocol):
    """Answers with what it has received, so that tests see who got the connection."""

    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        self._transport.write(b"HTTP:" + data)


class Ports:
    """A front, and a server behind it in the place of gRPC's."""

    def __init__(self, serve):
        self._serve = serve

    async def __aenter__(self):
        self._behind = await asyncio.start_server(self._serve, HOST, 0)
        within = self._behind.sockets[0].getsockname()[1]
        with socket.create_server((HOST, 0)) as probe:
            port = probe.getsockname()[1]
        self._front = door.Front(within, Http)
        await self._front.listen([HOST], port)
        return await asyncio.open_connection(HOST, port)

    async def __aexit__(self, *_):
        self._front.close()
        self._front.abort()
        self._behind.close()


async def echo(reader, writer):
    while part := await reader.read(65_536):
        writer.write(b"gRPC:" + part)
    writer.close()


@pytest.mark.parametrize(
    ("sent", "served"),
    [
        (PREFACE, b"gRPC:" + PREFACE),
        (b"GET / HTTP/1.1\r\n", b"HTTP:GET / HTTP/1.1\r\n"),
        (b"PRI", b""),  # nothing more: it is closed
    ],
)
def test_the_first_bytes_decide_who_gets_a_connection(sent, served, monkeypatch):
    monkeypatch.setattr(door, "SILENT_SECONDS", 0.2)

    async def story():
        async with Ports(echo) as (reader, writer):
            writer.write(sent)
            assert await reader.read(1000) == served
            writer.close()

    asyncio.run(story())


def test_what_a_slow_server_is_sent_arrives_unchanged():
    async def story():
        received, ended = bytearray(), asyncio.Event()

        async def slow(reader, writer):
            while part := await reader.read(SLOW_BUFFER):
                received.extend(part)
                await asyncio.sleep(0)
            writer.close()
            ended.set()

        async with Ports(slow) as (_, writer):
            writer.write(PREFACE + LARGE)
            writer.close()
            await asyncio.wait_for(ended.wait(), 60)
        return received

    assert digest(asyncio.run(story())) == digest(PREFACE + LARGE)


def test_what_a_slow_client_is_sent_arrives_unchanged():
    async def lavish(reader, writer):
        await reader.readexactly(len(PREFACE))
        writer.write(LARGE)
        writer.close()

    async def story():
        received = bytearray()
        async with Ports(lavish) as (reader, writer):
            writer.write(PREFACE)
            while part := await reader.read(SLOW_BUFFER):
                received.extend(part)
                await asyncio.sleep(0)
            writer.close()
        return received

    assert digest(asyncio.run(story())) == digest(LARGE)


def test_a_client_that_leaves_is_gone_for_the_server_too():
    async def story():
        gone = asyncio.Event()

        async def until_the_end(reader, writer):
            await reader.read()
            gone.set()
            writer.close()

        async with Ports(until_the_end) as (_, writer):
            writer.write(PREFACE)
            await writer.drain()
            writer.close()
            await asyncio.wait_for(gone.wait(), 20)

    asyncio.run(story())


def digest(data):
    return hashlib.sha256(data).hexdigest()
