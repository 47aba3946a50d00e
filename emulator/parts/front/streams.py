"""Buffered connections: the parts of a socket that HTTP needs."""

import re
import socket
import ssl
import time
from collections.abc import Iterator

from emulator.parts.front.http1 import MAX_HEAD, Malformed

BLOCK = 128 * 1024
"""Bytes that are read at once."""

_MAX_LINE = 8192
_MAX_TRAILERS = 100
_IDLE_SECONDS = 60.0
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,12})(?:[ \t]*;[\t -~]*)?\r\n")


class Gone(Exception):
    """The other side closed the connection or stopped responding."""


class Stream:
    """A connection and the bytes received but not yet used."""

    def __init__(self, connection: socket.socket) -> None:
        # Small answers must not wait for more data.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(_IDLE_SECONDS)
        self._connection = connection
        self._buffer = b""
        self._block: memoryview | None = None

    def head(self, seconds: float | None = None) -> bytes:
        """Return the next head, including the empty line that ends it.

        Args:
            seconds: time limit, counted from its first byte.

        Raises:
            Malformed: it is longer than MAX_HEAD, or a line does not end with CRLF.
            Gone: the connection ended, or the head took too long.
        """
        began = None
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if re.search(rb"(?<!\r)\n", self._buffer):
                raise Malformed("A line of the head does not end with CRLF.")
            if len(self._buffer) > MAX_HEAD:
                break
            if self._buffer:
                began = began or time.monotonic()
                if seconds and time.monotonic() - began > seconds:
                    raise Gone("timeout while reading a head")
            self._buffer += self._receive()
        if not 0 <= end < MAX_HEAD:
            raise Malformed(f"The head is longer than {MAX_HEAD:,} bytes.", 431)
        return self._take(end + 4)

    def line(self) -> bytes:
        """Return the next line, including its end.

        Raises:
            Malformed: it is too long.
            Gone: the connection ended.
        """
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _MAX_LINE:
                raise Malformed(f"A line is longer than {_MAX_LINE:,} bytes.", 431)
            self._buffer += self._receive()
        return self._take(end + 1)

    def blocks(self, count: int) -> Iterator[memoryview]:
        """Return `count` bytes in blocks, each valid until the next is asked for.

        Raises:
            Gone: the connection ended.
        """
        if self._buffer and count:
            part = self._take(count)
            count -= len(part)
            yield memoryview(part)
        if count and self._block is None:
            self._block = memoryview(bytearray(BLOCK))
        while count and self._block is not None:
            try:
                got = self._connection.recv_into(self._block, min(count, BLOCK))
            except OSError as error:
                raise Gone(str(error)) from error
            if not got:
                raise Gone("the connection ended")
            count -= got
            yield self._block[:got]

    def body(self, length: int | None) -> Iterator[memoryview]:
        """Return a body of `length` bytes, or a chunked one if that is None; see `blocks`."""
        return chunks(self) if length is None else self.blocks(length)

    def send(self, data: bytes | memoryview) -> None:
        """Send bytes.

        Raises:
            Gone: the other side does not accept them.
        """
        if not data:
            return
        try:
            self._connection.sendall(data)
        except OSError as error:
            raise Gone(str(error)) from error

    def is_idle(self) -> bool:
        """Return whether the connection is open and silent, as between two requests."""
        self._connection.settimeout(0)
        try:
            self._connection.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return not self._buffer
        except OSError:
            return False
        finally:
            self._connection.settimeout(_IDLE_SECONDS)
        return False  # closed, or unexpected data

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def close_slowly(self, seconds: float = 3.0) -> None:
        """Close the connection after the other side has had time to read the last answer.

        Closing with unread data resets the connection, and the answer would be lost.
        """
        end = time.monotonic() + seconds
        try:
            self._connection.shutdown(socket.SHUT_WR)
            self._connection.settimeout(1.0)
            while time.monotonic() < end and self._connection.recv(BLOCK):
                pass
        except OSError:
            pass
        self.close()

    def _take(self, count: int) -> bytes:
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _receive(self) -> bytes:
        try:
            data = self._connection.recv(65536)
        except OSError as error:
            raise Gone(str(error)) from error
        if not data:
            raise Gone("the connection ended")
        return data


def chunks(stream: Stream) -> Iterator[memoryview]:
    """Return the bytes of a chunked body; trailers are dropped.

    Raises:
        Malformed: the body is not chunked correctly.
    """
    while True:
        match = _CHUNK.fullmatch(stream.line())
        if match is None:
            raise Malformed("The body is not chunked as its head says.")
        size = int(match[1], 16)
        if size == 0:
            break
        yield from stream.blocks(size)
        if stream.line() != b"\r\n":
            raise Malformed("A chunk is longer than its declared size.")
    for _ in range(_MAX_TRAILERS):
        if stream.line() == b"\r\n":
            return
    raise Malformed("There are too many trailers.", 431)
