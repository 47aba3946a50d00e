"""Frames between a process and its child: a JSON header followed by raw bytes.

Incoming data is not trusted: it is read up to the limits of the reader, and only parsed as JSON.
"""

import json
import socket
import struct
import time
from collections.abc import Mapping
from typing import Any

_LENGTH = struct.Struct(">I")

MOST_HEAD = 64 * 1024
"""Maximum size of a header, bytes. The longest valid one, of 64 renditions, has about 16,000."""

_PIECE = 256 * 1024


class Mangled(ValueError):
    """The peer sent invalid data."""


class Wire:
    """One end of a connection.

    Every call takes a deadline, seconds of `time.monotonic`; None waits forever.

    Raises:
        TimeoutError: the deadline has passed.
        EOFError: the peer has closed the connection.
        OSError: likewise.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def send(self, head: Mapping[str, Any], *parts: bytes, end: float | None = None) -> None:
        """Send a header and its data."""
        text = json.dumps(head, separators=(",", ":")).encode()
        for part in (_LENGTH.pack(len(text)) + text, *parts):
            self._wait_until(end)
            self._socket.sendall(part)

    def head(self, end: float | None = None) -> dict[str, Any]:
        """Receive a header.

        Raises:
            Mangled: it is invalid or too long.
        """
        [length] = _LENGTH.unpack(self.part(_LENGTH.size, end))
        if length > MOST_HEAD:
            raise Mangled(f"a header of {length:,} bytes")
        text = self.part(length, end)
        try:
            head = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Mangled(f"invalid JSON: {type(error).__name__}") from error
        if not isinstance(head, dict):
            raise Mangled(f"a header of type {type(head).__name__}")
        return head

    def part(self, size: int, end: float | None = None) -> bytes:
        """Receive that many bytes."""
        pieces: list[bytes] = []
        left = size
        while left:
            self._wait_until(end)
            # Without a deadline, data arrives in one piece and is held once. With one, a socket
            # returns what is available, and a large buffer would be wasted.
            most = left if end is None else min(left, _PIECE)
            piece = self._socket.recv(most, socket.MSG_WAITALL)
            if not piece:
                raise EOFError("the peer closed the connection")
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _wait_until(self, end: float | None) -> None:
        if end is None:
            self._socket.settimeout(None)
            return
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError("deadline passed")
        self._socket.settimeout(left)
