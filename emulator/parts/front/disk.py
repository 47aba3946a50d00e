"""How much room a disk has, and who has been promised some of it."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emulator.parts.front.http1 import Refused

RESERVE = 1024 * 1024
"""Bytes that uploads leave free: a blob without room for its metadata breaks every listing."""


class Disk:
    """How much room there is for uploads.

    Args:
        folder: on it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._promised = 0
        self._lock = threading.Lock()

    @contextmanager
    def room(self, count: int) -> Iterator[None]:
        """Have room for so many bytes while they are written.

        Raises:
            Refused: there is none.
        """
        with self._lock:
            free = shutil.disk_usage(self._folder).free - self._promised - RESERVE
            if free < count:
                raise Refused(
                    503,
                    f"The disk of {self._folder} has room for {max(0, free):,} bytes, and this "
                    f"takes {count:,}. Make room; then it can be sent again.",
                )
            self._promised += count
        try:
            yield
        finally:
            with self._lock:
                self._promised -= count
