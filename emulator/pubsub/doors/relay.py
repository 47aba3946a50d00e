"""Joins clients to gRPC's server within the machine, on every platform."""

import asyncio

_BUFFER_BYTES = 64 * 1024


class Relay:
    """Passes on bytes between clients and a server on 127.0.0.1."""

    def __init__(self, port: int) -> None:
        """Start with no connection; the server listens at `port`."""
        self._port = port
        self._open: set[asyncio.Transport] = set()

    async def join(self, client: asyncio.Transport, began: bytes) -> None:
        """Join a client that is not read from, and has sent some bytes already.

        Raises:
            OSError: If the server cannot be reached.
        """
        from_server, from_client = _Pipe(self._open), _Pipe(self._open)
        loop = asyncio.get_running_loop()
        server, _ = await loop.create_connection(lambda: from_server, "127.0.0.1", self._port)
        from_server.join(server, client)
        from_client.join(client, server)
        server.write(began)
        client.set_protocol(from_client)
        if client.is_closing():
            server.close()
        else:
            client.resume_reading()

    def abort(self) -> None:
        """Close all connections."""
        for transport in list(self._open):
            transport.abort()


class _Pipe(asyncio.BufferedProtocol):
    """Writes what one side sends to the other; stops reading while the other is slow."""

    def __init__(self, open_: set[asyncio.Transport]) -> None:
        self._open = open_
        # asyncio's own way to read reserves 256 KiB each time, which takes longer than to pass on
        # a small request.
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._from: asyncio.Transport
        self._to: asyncio.Transport

    def join(self, source: asyncio.Transport, target: asyncio.Transport) -> None:
        """Set both sides, before anything arrives."""
        self._from, self._to = source, target
        self._open.add(source)

    def get_buffer(self, _size: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, count: int) -> None:
        self._to.write(self._buffer[:count])
        if self._to.get_write_buffer_size():
            # The transport keeps what it could not send at once, in the buffer that it was given.
            self._buffer = memoryview(bytearray(_BUFFER_BYTES))

    def pause_writing(self) -> None:
        self._to.pause_reading()

    def resume_writing(self) -> None:
        self._to.resume_reading()

    def connection_lost(self, _error: Exception | None) -> None:
        self._open.discard(self._from)
        self._to.close()
