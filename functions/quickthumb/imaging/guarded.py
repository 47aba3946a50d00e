"""Files that limit how often a parser may read them."""

import io
from collections.abc import Callable

from quickthumb.problems import Corrupt

MOST_READS = 100_000
"""Maximum for a header. A large photograph takes some hundreds, XMP in a GIF tens of thousands."""


class GuardedFile(io.BytesIO):
    """A file in memory that calls `ask` before each read, which may raise.

    A parser written in Python reads a file part by part: millions of empty parts, which fit into a
    few megabytes, would keep it busy for minutes.
    """

    def __init__(self, data: bytes, ask: Callable[[], None]) -> None:
        super().__init__(data)
        self._ask = ask

    def read(self, size: int | None = -1, /) -> bytes:
        """Read; raises what `ask` raises."""
        self._ask()
        return super().read(size)


def reads(most: int = MOST_READS) -> Callable[[], None]:
    """Return an `ask` that allows `most` reads, and then raises `Corrupt`."""
    left = most

    def ask() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Corrupt(f"The header of the picture is in more than {most:,} pieces.")

    return ask
