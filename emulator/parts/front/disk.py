"""Free disk space, and how much of it is reserved for uploads in progress."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emulator.parts.front.http1 import Refused

RESERVE = 1024 * 1024
"""Bytes that uploads leave free: a blob without its metadata breaks every listing."""


class Disk:
    """The disk that contains a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reserved = 0
        self._lock = threading.Lock()

    @contextmanager
    def room(self, count: int) -> Iterator[None]:
        """Reserve `count` bytes while they are written.

        Raises:
            Refused: there is not enough space.
        """
        with self._lock:
            free = shutil.disk_usage(self._folder).free - self._reserved - RESERVE
            if free < count:
                raise Refused(
                    503,
                    f"The disk of {self._folder} has room for {max(0, free):,} bytes, and this "
                    f"takes {count:,}. Free some space and send it again.",
                )
            self._reserved += count
        try:
            yield
        finally:
            with self._lock:
                self._reserved -= count
