"""Connections that are read and written in blocks: what HTTP needs of a socket, and no more."""

import re
import socket
import ssl
import time
from collections.abc import Iterator

from emulator.parts.front.http1 import MAX_HEAD, Malformed, TooLong

BLOCK = 128 * 1024
"""Bytes that are read at once."""

_MAX_LINE = 8192
_IDLE_SECONDS = 60.0  # that the other side may be silent


class Gone(Exception):
    """The other side ended the connection, or is silent."""


class Stream:
    """A connection, with what has come over it and is not used yet."""

    def __init__(self, connection: socket.socket) -> None:
        # Answers are small and must not wait for what may follow.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(_IDLE_SECONDS)
        self._connection = connection
        self._buffer = b""
        self._block: memoryview | None = None

    def head(self, seconds: float | None = None) -> bytes | None:
        """Return the next head, None if the connection ends before it.

        Args:
            seconds: that it may take from its first byte on.

        Raises:
            Malformed: it is none.
            TooLong: it does not end.
            Gone: the connection ends within it, or it takes too long.
        """
        began = None
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if re.search(rb"(?<!\r)\n", self._buffer):
                raise Malformed("A line of the head does not end with CR LF.")
            if len(self._buffer) > MAX_HEAD:
                break
            if self._buffer:
                began = began or time.monotonic()
                if seconds and time.monotonic() - began > seconds:
                    raise Gone("the head takes too long")
            data = self._receive()
            if not data and not self._buffer:
                return None
            if not data:
                raise Gone("the connection ended within a head")
            self._buffer += data
        if not 0 <= end < MAX_HEAD:
            raise TooLong(f"The head has more than {MAX_HEAD:,} bytes.")
        head, self._buffer = self._buffer[: end + 4], self._buffer[end + 4 :]
        return head

    def line(self) -> bytes:
        """Return the next line, with its end.

        Raises:
            TooLong: it does not end.
            Gone: the connection ends within it.
        """
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _MAX_LINE:
                raise TooLong(f"A line has more than {_MAX_LINE:,} bytes.")
            data = self._receive()
            if not data:
                raise Gone("the connection ended within a body")
            self._buffer += data
        line, self._buffer = self._buffer[: end + 1], self._buffer[end + 1 :]
        return line

    def blocks(self, count: int) -> Iterator[memoryview]:
        """Return so many bytes, in blocks that are good until the next one.

        Raises:
            Gone: the connection ends before.
        """
        if self._buffer and count:
            part, self._buffer = self._buffer[:count], self._buffer[count:]
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
                raise Gone("the connection ended within a body")
            count -= got
            yield self._block[:got]

    def send(self, data: bytes | memoryview) -> None:
        """Send bytes.

        Raises:
            Gone: the other side does not take them.
        """
        if not data:
            return
        try:
            self._connection.sendall(data)
        except OSError as error:
            raise Gone(str(error)) from error

    def is_idle(self) -> bool:
        """Tell whether the connection is open and silent, as it is between two requests."""
        self._connection.settimeout(0)
        try:
            self._connection.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return not self._buffer
        except OSError:
            return False
        finally:
            self._connection.settimeout(_IDLE_SECONDS)
        return False  # it was closed, or says what nobody has asked for

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def close_slowly(self, seconds: float = 3.0) -> None:
        """End the connection once the other side has had time to read what was sent last.

        Closed with bytes unread, it would be reset, and the answer to them lost.
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

    def _receive(self) -> bytes:
        try:
            return self._connection.recv(65536)
        except OSError as error:
            raise Gone(str(error)) from error
