"""Ends the reading of requests that do not arrive in time.

One thread watches all of them: a timer for each would start a thread for each.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

TICK_SECONDS = 1.0
"""Seconds between two looks at the clock."""


class Patience:
    """Watches connections that are being read; thread-safe.

    Args:
        seconds: how long reading may take, and up to a second more.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        self._watches = False

    @contextmanager
    def with_reading(self, connection: socket.socket) -> Iterator[None]:
        """Let a connection be read: after the deadline, reading finds its end."""
        with self._lock:
            self._ends[connection] = time.monotonic() + self._seconds
            if not self._watches:
                self._watches = True
                threading.Thread(target=self._watch, name="patience", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                self._ends.pop(connection, None)

    def _watch(self) -> None:
        while True:
            time.sleep(TICK_SECONDS)
            now = time.monotonic()
            with self._lock:
                for connection in [each for each, end in self._ends.items() if end < now]:
                    del self._ends[connection]
                    with suppress(OSError):  # the client was faster
                        connection.shutdown(socket.SHUT_RD)
