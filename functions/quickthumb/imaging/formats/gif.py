"""GIF: https://www.w3.org/Graphics/GIF/spec-gif89a.txt."""

import re
import struct
from typing import NamedTuple

from quickthumb.imaging.formats.descriptor import MOST_FRAMES, Format, Header, beginning
from quickthumb.problems import Corrupt

MOST_EXTENSIONS = 20_000
"""Per file. A frame has one or two."""

MOST_SHORT_BLOCKS = 100_000
"""Blocks of pixels, beyond the number of full ones that fit into the file. Only the last block of a
frame is not full."""

_FULL_BLOCK = 255

MOST_BLOCKS_OF_EXTENSIONS = 40_000
"""An XMP, whose characters readers take for block lengths, makes some hundreds."""

MOST_STRAY = 40_000
"""Bytes outside of any block, which readers skip."""

_SCREEN = 13
_DESCRIPTOR = 9
_IMAGE, _END = 0x2C, 0x3B

_KNOWN = re.compile(rb"[!,;]")


class _Frame(NamedTuple):
    """The right and bottom edge of a frame, pixels."""

    right: int
    bottom: int


def read(data: bytes) -> Header:
    """Read the header of a GIF; see `Format.read`.

    A picture has the size of its screen, extended by its first frame if that is larger.
    """
    width, height = struct.unpack_from("<HH", data, 6)
    walk = _Walk(data)
    first = walk.next_frame()
    if first is None:
        raise Corrupt("The GIF picture has no frames.")
    whole = walk.skip_pixels()
    frames = 1 + _count(walk) if whole else 1
    return Header(max(width, first.right), max(height, first.bottom), frames=frames)


def first_frame(data: bytes) -> bytes:
    """Return a GIF cut off after its first frame."""
    walk = _Walk(data)
    walk.next_frame()
    walk.skip_pixels()
    return data[: walk.at] + bytes((_END,))


class _Walk:
    """Steps through the frames, counting what it skips.

    Attributes:
        at: current offset, bytes.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._extensions = MOST_EXTENSIONS
        self._extension_blocks = MOST_BLOCKS_OF_EXTENSIONS
        self._blocks = MOST_SHORT_BLOCKS + len(data) // _FULL_BLOCK
        self._stray = MOST_STRAY
        self.at = _SCREEN + _palette(data[10])

    def next_frame(self) -> _Frame | None:
        """Go to the pixels of the next frame; return None if there is none.

        Raises:
            Corrupt: too many blocks or bytes precede it.
        """
        while kind := self._next_kind():
            if kind == _END:
                return None
            if kind == _IMAGE:
                return self._frame()
            self._skip_extension()
        return None

    def skip_pixels(self) -> bool:
        """Skip the blocks of pixels; return whether more data follows."""
        self._blocks = self._skip_blocks("pixels", self._blocks)
        return self.at < len(self._data)

    def _skip_blocks(self, what: str, left: int) -> int:
        """Skip blocks, and return how many more are allowed."""
        data, at, size = self._data, self.at, len(self._data)
        while at < size and (length := data[at]):
            at += length + 1
            left -= 1
            if not left:
                raise Corrupt(f"The {what} of the GIF picture are split into too many blocks.")
        self.at = min(at + 1, size)
        return left

    def _next_kind(self) -> int | None:
        """Return the type of the next block, skipping stray bytes; None at the end."""
        found = _KNOWN.search(self._data, self.at, self.at + self._stray + 1)
        if found is None:
            if self.at + self._stray < len(self._data):
                raise Corrupt(f"The GIF picture has more than {MOST_STRAY:,} stray bytes.")
            return None
        self._stray -= found.start() - self.at
        self.at = found.end()
        return self._data[found.start()]

    def _frame(self) -> _Frame | None:
        if self.at + _DESCRIPTOR + 1 > len(self._data):
            return None
        left, top, width, height, flags = struct.unpack_from("<HHHHB", self._data, self.at)
        self.at += _DESCRIPTOR + _palette(flags) + 1  # LZW minimum code size
        if self.at > len(self._data):
            return None
        return _Frame(left + width, top + height)

    def _skip_extension(self) -> None:
        self._extensions -= 1
        if not self._extensions:
            raise Corrupt(f"The GIF picture has more than {MOST_EXTENSIONS:,} extensions.")
        self.at += 1
        self._extension_blocks = self._skip_blocks("extensions", self._extension_blocks)


def _count(walk: _Walk) -> int:
    """Return the number of frames that follow, the maximum if there is too much data to skip."""
    frames = 0
    try:
        while frames < MOST_FRAMES - 1 and walk.next_frame():
            frames += 1
            if not walk.skip_pixels():
                break
    except Corrupt:
        return MOST_FRAMES - 1
    return frames


def _palette(flags: int) -> int:
    """Return the size of the palette that follows, bytes."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


GIF = Format(
    name="gif",
    title="GIF",
    content_type="image/gif",
    extensions=("gif",),
    begins=beginning(b"GIF87a", b"GIF89a"),
    read=read,
    opener="quickthumb.imaging.decoders.gif:SteadyGif",
    first_frame=first_frame,
    animated=True,
    # GIF counts repetitions; without a count, it is played once.
    plays=lambda loop: 1 if loop is None else loop and loop + 1,
)
