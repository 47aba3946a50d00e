"""One port for gRPC and for HTTP/1.1.

Google's emulator serves both on one port, and clients have one variable for it. gRPC's server
accepts connections itself and cannot be handed one, so this accepts them, and looks at the first
bytes: HTTP/2 begins with a preface of its own (RFC 9113, 3.4). Connections with that are joined
to gRPC's server by a second connection within the machine, and their bytes passed on unread.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Protocol

from emulator.pubsub.doors.listening import BACKLOG

_PREFACE = b"PRI * HTTP/2.0\r\n"

# A connection has to say something within this time.
SILENT_SECONDS = 10.0


class Joins(Protocol):
    """Joins clients to gRPC's server: `Relay` everywhere, `SpliceRelay` on Linux."""

    async def join(self, client: asyncio.Transport, began: bytes) -> None:
        """Join a client that is not read from, and has sent some bytes already.

        Raises:
            OSError: If the server cannot be reached.
        """

    def abort(self) -> None:
        """Close all connections."""


class Front:
    """Accepts connections and gives each to the server of its protocol."""

    def __init__(self, relay: Joins, http: Callable[[], asyncio.Protocol]) -> None:
        """Start with no connection.

        Args:
            relay: Joins connections to gRPC's server.
            http: Returns a protocol for an HTTP/1.1 connection.
        """
        self._relay = relay
        self._http = http
        self._open: set[asyncio.Transport] = set()
        self._joining: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []

    async def accept(self, listeners: Sequence[socket.socket]) -> None:
        """Start to accept connections."""
        loop = asyncio.get_running_loop()
        for each in listeners:
            server = await loop.create_server(lambda: _Unknown(self), sock=each, backlog=BACKLOG)
            self._servers.append(server)

    def close(self) -> None:
        """Accept no more connections."""
        for server in self._servers:
            server.close()

    def abort(self) -> None:
        """Close the connections to gRPC, and those that have not said anything."""
        for task in self._joining:
            task.cancel()
        for transport in list(self._open):
            transport.abort()
        self._relay.abort()

    def opened(self, transport: asyncio.Transport) -> None:
        """Note a connection that `abort` has to close."""
        self._open.add(transport)

    def closed(self, transport: asyncio.Transport) -> None:
        """Forget a connection."""
        self._open.discard(transport)

    def hand_over(self, transport: asyncio.Transport, began: bytes) -> None:
        """Give a connection to the server of its protocol, which is known from its first bytes."""
        if not began.startswith(_PREFACE):
            protocol = self._http()
            transport.set_protocol(protocol)
            protocol.connection_made(transport)
            protocol.data_received(began)
            return
        # Nothing may arrive until there is somewhere to pass it on to.
        transport.pause_reading()
        task = asyncio.ensure_future(self._join(transport, began))
        self._joining.add(task)
        task.add_done_callback(self._joining.discard)

    async def _join(self, client: asyncio.Transport, began: bytes) -> None:
        """Join a connection to gRPC's server."""
        try:
            await self._relay.join(client, began)
        except (OSError, asyncio.CancelledError):
            client.abort()


class _Unknown(asyncio.Protocol):
    """A connection that has not said enough to tell its protocol."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._began = b""
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - tells the type checker
        self._transport = transport
        # asyncio does this only for sockets that name their protocol. Without it, an answer in two
        # parts waits 40 ms for the client to acknowledge the first.
        tcp = transport.get_extra_info("socket")
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._front.opened(transport)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(SILENT_SECONDS, transport.abort)

    def data_received(self, data: bytes) -> None:
        self._began += data
        short = self._began[: len(_PREFACE)]
        if len(short) == len(_PREFACE) or not _PREFACE.startswith(short):
            self._timer.cancel()
            self._front.closed(self._transport)
            self._front.hand_over(self._transport, self._began)

    def connection_lost(self, _error: Exception | None) -> None:
        self._timer.cancel()
        self._front.closed(self._transport)
