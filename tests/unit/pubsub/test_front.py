"""One port for two protocols: who gets a connection, and whether its bytes arrive."""

import asyncio
import gc
import hashlib
import random
import secrets
from contextlib import suppress
from pathlib import Path

import pytest

from emulator.ports import HOST
from emulator.pubsub.doors import front as door
from emulator.pubsub.doors.listening import listeners
from emulator.pubsub.doors.relay import Relay
from tests import needs

needs_linux = needs.linux("only Linux has splice")


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
LARGE = random.Random(7).randbytes(8_000_000)
SLOW_BUFFER = 4096


class Http(asyncio.Protocol):
    """Answers with what it has received, so that tests see who got the connection."""

    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        self._transport.write(b"HTTP:" + data)


@pytest.fixture(params=["relay", pytest.param("splice", marks=needs_linux)])
def ports(request):
    """Return a class whose instances serve with one of the relays."""
    return {"relay": Ports, "splice": SplicedPorts}[request.param]


class Ports:
    """A front, and a server behind it in the place of gRPC's."""

    def __init__(self, serve):
        self._serve = serve

    async def start(self):
        """Start the server, and return what joins clients to it."""
        self.behind = await asyncio.start_server(self._serve, HOST, 0)
        return Relay(self.behind.sockets[0].getsockname()[1])

    async def __aenter__(self):
        self.relay = await self.start()
        self.front = door.Front(self.relay, Http)
        sockets = listeners(HOST, 0)
        await self.front.accept(sockets)
        self.port = sockets[0].getsockname()[1]
        return await asyncio.open_connection(HOST, self.port)

    async def __aexit__(self, *_):
        self.front.close()
        self.front.abort()
        self.behind.close()


class SplicedPorts(Ports):
    async def start(self):
        from emulator.pubsub.doors.splice import SpliceRelay

        name = f"test-{secrets.token_hex(8)}"
        self.behind = await asyncio.start_unix_server(self._serve, f"\0{name}")
        return SpliceRelay(name)


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
def test_the_first_bytes_decide_who_gets_a_connection(ports, sent, served, monkeypatch):
    monkeypatch.setattr(door, "SILENT_SECONDS", 0.2)

    async def story():
        async with ports(echo) as (reader, writer):
            writer.write(sent)
            assert await reader.read(1000) == served
            writer.close()

    asyncio.run(story())


def test_what_a_slow_server_is_sent_arrives_unchanged(ports):
    async def story():
        received, ended = bytearray(), asyncio.Event()

        async def slow(reader, writer):
            while part := await reader.read(SLOW_BUFFER):
                received.extend(part)
                await asyncio.sleep(0)
            writer.close()
            ended.set()

        async with ports(slow) as (_, writer):
            writer.write(PREFACE + LARGE)
            writer.close()
            await asyncio.wait_for(ended.wait(), 60)
        return received

    assert digest(asyncio.run(story())) == digest(PREFACE + LARGE)


async def lavish(reader, writer):
    await reader.readexactly(len(PREFACE))
    writer.write(LARGE)
    writer.close()


def test_what_a_slow_client_is_sent_arrives_unchanged(ports):
    async def story():
        received = bytearray()
        async with ports(lavish) as (reader, writer):
            writer.write(PREFACE)
            while part := await reader.read(SLOW_BUFFER):
                received.extend(part)
                await asyncio.sleep(0)
            writer.close()
        return received

    assert digest(asyncio.run(story())) == digest(LARGE)


def test_a_client_that_leaves_is_gone_for_the_server_too(ports):
    async def story():
        gone = asyncio.Event()

        async def until_the_end(reader, writer):
            await reader.read()
            gone.set()
            writer.close()

        async with ports(until_the_end) as (_, writer):
            writer.write(PREFACE)
            await writer.drain()
            writer.close()
            await asyncio.wait_for(gone.wait(), 20)

    asyncio.run(story())


def test_many_clients_are_served_at_once(ports):
    """Some are slow meanwhile, so that their bytes wait between them and the server."""

    async def story():
        async def one(port, slow):
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(PREFACE)
            received = bytearray()
            while part := await reader.read(SLOW_BUFFER if slow else 1_000_000):
                received.extend(part)
                await asyncio.sleep(0)
            writer.close()
            return digest(received)

        served = ports(lavish)
        async with served:
            return await asyncio.gather(*(one(served.port, number % 2) for number in range(6)))

    assert asyncio.run(story()) == [digest(LARGE)] * 6


def test_a_server_that_closes_is_gone_for_the_client_too(ports):
    async def leave(reader, writer):
        await reader.readexactly(len(PREFACE))
        writer.close()

    async def story():
        async with ports(leave) as (reader, writer):
            writer.write(PREFACE)
            assert await asyncio.wait_for(reader.read(), 20) == b""
            writer.close()

    asyncio.run(story())


def test_a_client_is_refused_when_there_is_no_server(ports):
    async def story():
        served = ports(echo)
        async with served as (reader, writer):
            served.behind.close()
            writer.write(PREFACE)
            with suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), 20) == b""
            writer.close()

    asyncio.run(story())


def test_connections_that_are_aborted_are_closed(ports):
    async def story():
        served = ports(echo)
        async with served as (reader, writer):
            writer.write(PREFACE)
            await reader.readexactly(len(b"gRPC:" + PREFACE))
            served.front.abort()
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                await asyncio.wait_for(reader.readexactly(1), 20)
            writer.close()

    asyncio.run(story())


@needs_linux
def test_no_file_stays_open(ports):
    """Neither of connections that ended, nor of those that were aborted with bytes in between."""

    async def story():
        arrived, aborted = asyncio.Event(), asyncio.Event()

        async def unread(_reader, writer):
            arrived.set()
            await aborted.wait()
            writer.close()

        async with ports(echo) as (reader, writer):
            writer.write(PREFACE)
            await reader.readexactly(len(b"gRPC:" + PREFACE))
            writer.close()
        async with ports(unread) as (_, writer):
            writer.write(PREFACE + LARGE)
            await arrived.wait()
            # What the client has sent is now stuck.
            while size := writer.transport.get_write_buffer_size():
                await asyncio.sleep(0.1)
                if size == writer.transport.get_write_buffer_size():
                    break
            writer.transport.abort()
        aborted.set()
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0)

    before = open_files()
    asyncio.run(story())
    assert open_files() == before


def open_files():
    gc.collect()  # the rest of other tests, too
    return len(list(Path("/proc/self/fd").iterdir()))


def digest(data):
    return hashlib.sha256(data).hexdigest()
