"""Frames between a process and its child: a head of JSON and, behind it, bytes as they are.

Nothing here is trusted: what comes is read no farther than its reader allows, and no object is made
of it but those of JSON.
"""

import json
import socket
import struct
import time
from collections.abc import Mapping
from typing import Any

_LENGTH = struct.Struct(">I")

MOST_HEAD = 64 * 1024
"""Bytes of a head. The longest that is meant, of 64 renditions, has some 16,000."""

_PIECE = 256 * 1024


class Mangled(ValueError):
    """The other side sent what it never would."""


class Wire:
    """One end of a connection.

    Every call takes the moment at which it is given up, by `time.monotonic`, seconds; None waits
    for ever.

    Raises:
        TimeoutError: that moment has come.
        EOFError: the other side is gone.
        OSError: likewise.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def send(self, head: Mapping[str, Any], *parts: bytes, end: float | None = None) -> None:
        """Send a head and what belongs to it."""
        text = json.dumps(head, separators=(",", ":")).encode()
        for part in (_LENGTH.pack(len(text)) + text, *parts):
            self._wait_until(end)
            self._socket.sendall(part)

    def head(self, end: float | None = None) -> dict[str, Any]:
        """Receive a head.

        Raises:
            Mangled: it is none, or longer than any that is meant.
        """
        [length] = _LENGTH.unpack(self.part(_LENGTH.size, end))
        if length > MOST_HEAD:
            raise Mangled(f"a head of {length:,} bytes")
        text = self.part(length, end)
        try:
            head = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Mangled(f"no JSON: {type(error).__name__}") from error
        if not isinstance(head, dict):
            raise Mangled(f"a head that is {type(head).__name__}")
        return head

    def part(self, size: int, end: float | None = None) -> bytes:
        """Receive so many bytes."""
        pieces: list[bytes] = []
        left = size
        while left:
            self._wait_until(end)
            # Without a time limit all comes in one piece, so that it is held but once. With one, a
            # socket hands out what is there, and a large buffer for that would be a waste.
            most = left if end is None else min(left, _PIECE)
            piece = self._socket.recv(most, socket.MSG_WAITALL)
            if not piece:
                raise EOFError("the other side is gone")
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Close this end; the other sees it."""
        self._socket.close()

    def _wait_until(self, end: float | None) -> None:
        if end is None:
            self._socket.settimeout(None)
            return
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time is up")
        self._socket.settimeout(left)
