"""Joins clients to gRPC's server within the machine, on Linux.

The kernel moves the bytes from one connection to the other through a pipe, without a copy:
https://man7.org/linux/man-pages/man2/splice.2.html
"""

import asyncio
import fcntl
import os
import socket
from collections.abc import Callable
from contextlib import suppress

# What a pipe contains at most, and the buffer of a connection within the machine. The system may
# allow less, and then gives what it allows.
_BYTES = 1024 * 1024

_FLAGS = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK


class SpliceRelay:
    """Passes on bytes between clients and a server on a Unix socket."""

    def __init__(self, name: str) -> None:
        """Start with no connection.

        Args:
            name: Of the server's Unix socket, in the abstract namespace.
        """
        self._name = name
        self._pipes = _Pipes()
        self._open: set[_Joint] = set()

    async def join(self, client: asyncio.Transport, began: bytes) -> None:
        """Join a client that is not read from, and has sent some bytes already.

        Raises:
            OSError: If the server cannot be reached.
        """
        mine = client.get_extra_info("socket").dup()
        client.abort()  # closes only its own descriptor of the connection
        server = socket.socket(socket.AF_UNIX)
        try:
            for each in (mine, server):
                each.setblocking(False)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BYTES)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(server, f"\0{self._name}")
            await loop.sock_sendall(server, began)
        except BaseException:
            mine.close()
            server.close()
            raise
        self._open.add(_Joint(mine, server, self._pipes, self._open.discard))

    def abort(self) -> None:
        """Close all connections."""
        for joint in list(self._open):
            joint.close()
        self._pipes.close()


class _Joint:
    """Two connections that are joined."""

    def __init__(
        self,
        client: socket.socket,
        server: socket.socket,
        pipes: "_Pipes",
        closed: Callable[["_Joint"], None],
    ) -> None:
        self._closed = closed
        self._sockets = [client, server]
        self._ways = (
            _Way(client, server, pipes, self.close),
            _Way(server, client, pipes, self.close),
        )

    def close(self) -> None:
        """Close both connections."""
        for way in self._ways:
            way.stop()
        for each in self._sockets:
            each.close()
        self._closed(self)


class _Way:
    """Moves what one connection receives to the other; stops reading while the other is slow."""

    def __init__(
        self,
        source: socket.socket,
        target: socket.socket,
        pipes: "_Pipes",
        end: Callable[[], None],
    ) -> None:
        self._source, self._target = source.fileno(), target.fileno()
        self._pipes = pipes
        self._end = end
        self._pipe: _Pipe | None = None
        self._held = 0  # bytes in the pipe
        self._waits = False
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._source, self._read)

    def stop(self) -> None:
        """Move nothing more; what is in the pipe is dropped."""
        self._loop.remove_reader(self._source)
        self._loop.remove_writer(self._target)
        if self._pipe:
            _close(self._pipe)
            self._pipe = None

    def _read(self) -> None:
        try:
            self._pipe = self._pipe or self._pipes.take()
            self._held = os.splice(self._source, self._pipe[1], _BYTES, flags=_FLAGS)
        except BlockingIOError:
            self._let_go()
            return
        except OSError:
            self._held = 0
        if self._held:
            self._write()
        else:
            self._end()

    def _write(self) -> None:
        assert self._pipe  # noqa: S101 - tells the type checker
        try:
            self._held -= os.splice(self._pipe[0], self._target, self._held, flags=_FLAGS)
        except BlockingIOError:
            pass
        except OSError:
            self._end()
            return
        if not self._held:
            self._let_go()
        if self._waits != bool(self._held):
            self._wait_for_other()

    def _let_go(self) -> None:
        """Give back the pipe, which is empty."""
        if self._pipe:
            self._pipes.give_back(self._pipe)
            self._pipe = None

    def _wait_for_other(self) -> None:
        """Wait until the target takes more, or, if it took everything, for the source again."""
        self._waits = bool(self._held)
        if self._waits:
            self._loop.remove_reader(self._source)
            self._loop.add_writer(self._target, self._write)
        else:
            self._loop.remove_writer(self._target)
            self._loop.add_reader(self._source, self._read)


_Pipe = tuple[int, int]


class _Pipes:
    """Pipes that are empty.

    Bytes stay in a pipe only while a connection is slow, so that one pipe does for all others.
    """

    def __init__(self) -> None:
        self._spare: _Pipe | None = None

    def take(self) -> _Pipe:
        """Return an empty pipe.

        Raises:
            OSError: If there are too many open files.
        """
        if spare := self._spare:
            self._spare = None
            return spare
        pipe = os.pipe()
        with suppress(OSError):
            fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, _BYTES)
        return pipe

    def give_back(self, pipe: _Pipe) -> None:
        """Take back a pipe that is empty again."""
        if self._spare:
            _close(pipe)
        else:
            self._spare = pipe

    def close(self) -> None:
        """Close what is left."""
        if self._spare:
            _close(self._spare)
            self._spare = None


def _close(pipe: _Pipe) -> None:
    for end in pipe:
        os.close(end)
