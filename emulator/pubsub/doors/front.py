"""One port for gRPC and for HTTP/1.1.

Google's emulator serves both on one port, and clients have one variable for it. gRPC's server
accepts connections itself and cannot be handed one, so this accepts them, and looks at the first
bytes: HTTP/2 begins with a preface of its own (RFC 9113, 3.4). Connections with that are joined
to gRPC's server by a second connection within the machine, and their bytes passed on unread.
"""

import asyncio
from collections.abc import Callable, Sequence

_PREFACE = b"PRI * HTTP/2.0\r\n"

# A connection has to say something within this time.
SILENT_SECONDS = 10.0

# Read at once. asyncio's own way to read reserves 256 KiB each time, which takes longer than to
# pass on a small request.
_BUFFER_BYTES = 64 * 1024

# Connections that wait to be accepted; a test suite may open hundreds at once.
_BACKLOG = 1024


class Front:
    """Accepts connections and gives each to the server of its protocol."""

    def __init__(self, within: str | int, http: Callable[[], asyncio.Protocol]) -> None:
        """Start with no connection.

        Args:
            within: Where gRPC's server listens: the name of a Unix socket in the abstract
                namespace, or a port on 127.0.0.1.
            http: Returns a protocol for an HTTP/1.1 connection.
        """
        self._within = within
        self._http = http
        self._open: set[asyncio.Transport] = set()
        self._joining: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server

    async def listen(self, hosts: Sequence[str], port: int) -> None:
        """Start to listen at some addresses.

        Raises:
            OSError: If the port is taken, or an address is not of this machine.
        """
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Unknown(self), hosts, port, backlog=_BACKLOG
        )

    def close(self) -> None:
        """Accept no more connections."""
        self._server.close()

    def abort(self) -> None:
        """Close the connections to gRPC, and those that have not said anything."""
        for transport in list(self._open):
            transport.abort()

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
        from_server, from_client = _Pipe(self), _Pipe(self)
        try:
            server = await self._connect(lambda: from_server)
        except OSError:
            client.abort()
            return
        from_server.join(server, client)
        from_client.join(client, server)
        server.write(began)
        client.set_protocol(from_client)
        if client.is_closing():
            server.close()
        else:
            client.resume_reading()

    async def _connect(self, protocol: Callable[[], asyncio.BaseProtocol]) -> asyncio.Transport:
        loop = asyncio.get_running_loop()
        if isinstance(self._within, str):
            transport, _ = await loop.create_unix_connection(protocol, f"\0{self._within}")
        else:
            transport, _ = await loop.create_connection(protocol, "127.0.0.1", self._within)
        return transport


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


class _Pipe(asyncio.BufferedProtocol):
    """Writes what one side sends to the other; stops reading while the other is slow."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._from: asyncio.Transport
        self._to: asyncio.Transport

    def join(self, source: asyncio.Transport, target: asyncio.Transport) -> None:
        """Set both sides, before anything arrives."""
        self._from, self._to = source, target
        self._front.opened(source)

    def get_buffer(self, _size: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, count: int) -> None:
        # A copy, since the transport keeps what it cannot send at once.
        self._to.write(bytes(self._buffer[:count]))

    def pause_writing(self) -> None:
        self._to.pause_reading()

    def resume_writing(self) -> None:
        self._to.resume_reading()

    def connection_lost(self, _error: Exception | None) -> None:
        self._front.closed(self._from)
        self._to.close()
