"""Files of which parsers written in Python read no more than they are granted."""

import io
from collections.abc import Callable

from quickthumb.problems import Corrupt

MOST_READS = 100_000
"""Of a header. One of a large photograph takes some hundreds, XMP in a GIF some ten thousands."""


class GuardedFile(io.BytesIO):
    """The bytes of a file, which asks before each reading whether there may be one more.

    A parser written in Python goes from part to part of a file, reading each: millions of empty
    parts, which fit into a few megabytes, would keep it busy for minutes.
    """

    def __init__(self, data: bytes, ask: Callable[[], None]) -> None:
        super().__init__(data)
        self._ask = ask

    def read(self, size: int | None = -1, /) -> bytes:
        """Read like a file; raises what `ask` raises."""
        self._ask()
        return super().read(size)


def reads(most: int = MOST_READS) -> Callable[[], None]:
    """Return what grants so many readings, and then raises `Corrupt`."""
    left = most

    def ask() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Corrupt(f"The header of the picture is in more than {most:,} pieces.")

    return ask
