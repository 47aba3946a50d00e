"""GIF: https://www.w3.org/Graphics/GIF/spec-gif89a.txt."""

import re
import struct
from collections.abc import Iterator
from math import prod
from typing import NamedTuple

from quickthumb.imaging.formats.descriptor import (
    MOST_FRAMES,
    Encoded,
    Format,
    Header,
    Size,
    beginning,
)
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

_CONTROL = 0xF9
_TRANSPARENT, _LOCAL_PALETTE, _INTERLACED = 0x01, 0x80, 0x40

_BLACK = bytes(6)
"""The palette of a picture that has none, as browsers show it."""

_HELD_PER_PIXEL = 5
"""Bytes: a canvas, and a frame that does not cover it."""


class Control(NamedTuple):
    """What precedes a frame (section 23).

    Attributes:
        disposal: what happens to the frame before the next one is drawn, 0 to 7.
        duration: milliseconds.
        transparent: the index of the transparent colour, None if there is none.
    """

    disposal: int = 0
    duration: int = 0
    transparent: int | None = None


class Frame(NamedTuple):
    """A frame (section 20).

    Attributes:
        left: offset from the left edge of the screen, pixels.
        top: offset from its top edge, pixels.
        width: pixels; the frame may reach beyond the screen.
        height: pixels.
        interlaced: whether its rows are interlaced.
        palette: offset and end of the palette in the file.
        pixels: offset of the compressed pixels in the file.
        control: what precedes it.
    """

    left: int
    top: int
    width: int
    height: int
    interlaced: bool
    palette: tuple[int, int]
    pixels: int
    control: Control


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
    later, stored = _count(walk) if whole else (0, 0)
    return Header(
        max(width, first.left + first.width),
        max(height, first.top + first.height),
        frames=1 + later,
        stored=stored,
    )


def first_frame(data: bytes) -> bytes:
    """Return a GIF cut off after its first frame."""
    walk = _Walk(data)
    walk.next_frame()
    walk.skip_pixels()
    return data[: walk.at] + bytes((_END,))


def frames(data: bytes) -> Iterator[tuple[Frame, bytes]]:
    """Yield each frame, and a GIF that consists of this frame alone."""
    walk = _Walk(data)
    while frame := walk.next_frame():
        walk.skip_pixels()
        yield frame, _alone(data, frame, walk.at)


def _is_whole(data: bytes) -> bool:
    """Return whether the mark of the end is there."""
    walk = _Walk(data)
    while walk.next_frame():
        walk.skip_pixels()
    return data[walk.at - 1] == _END


def _alone(data: bytes, frame: Frame, end: int) -> bytes:
    """Return a GIF with one frame, whose pixels end there, and a screen of the same size."""
    start, stop = frame.palette
    palette = data[start:stop] or _BLACK
    bits = (len(palette) // 3).bit_length() - 2
    size = struct.pack("<HH", frame.width, frame.height)
    transparent = frame.control.transparent
    control = struct.pack("<3sBHBB", b"!\xf9\4", transparent is not None, 0, transparent or 0, 0)
    interlaced = _INTERLACED if frame.interlaced else 0
    return b"".join(
        (
            *(b"GIF89a", size, bytes((_LOCAL_PALETTE | bits, 0, 0)), palette, control),
            *(b",", bytes(4), size, bytes((interlaced,)), data[frame.pixels : end]),
            bytes((_END,)),
        )
    )


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
        self._control = Control()
        self.at = _SCREEN + _palette(data[10])
        self._palette = (_SCREEN, self.at)

    def next_frame(self) -> Frame | None:
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

    def _frame(self) -> Frame | None:
        if self.at + _DESCRIPTOR + 1 > len(self._data):
            return None
        left, top, width, height, flags = struct.unpack_from("<HHHHB", self._data, self.at)
        local = self.at + _DESCRIPTOR
        pixels = local + _palette(flags)
        self.at = pixels + 1  # LZW minimum code size
        if self.at > len(self._data):
            return None
        palette = (local, pixels) if pixels > local else self._palette
        control, self._control = self._control, Control()
        interlaced = bool(flags & _INTERLACED)
        return Frame(left, top, width, height, interlaced, palette, pixels, control)

    def _skip_extension(self) -> None:
        self._extensions -= 1
        if not self._extensions:
            raise Corrupt(f"The GIF picture has more than {MOST_EXTENSIONS:,} extensions.")
        self._read_control()
        self.at += 1
        self._extension_blocks = self._skip_blocks("extensions", self._extension_blocks)

    def _read_control(self) -> None:
        if self._data[self.at : self.at + 1] != bytes((_CONTROL,)):
            return
        if self.at + 6 > len(self._data) or self._data[self.at + 1] < 4:
            return
        flags, duration, transparent = struct.unpack_from("<BHB", self._data, self.at + 2)
        self._control = Control(
            flags >> 2 & 7, 10 * duration, transparent if flags & _TRANSPARENT else None
        )


def _count(walk: _Walk) -> tuple[int, int]:
    """Return the number of frames that follow, and of their pixels.

    It is the maximum of frames if there is too much data to skip.
    """
    frames = pixels = 0
    try:
        while frames < MOST_FRAMES - 1 and (frame := walk.next_frame()):
            frames += 1
            pixels += frame.width * frame.height
            if not walk.skip_pixels():
                break
    except Corrupt:
        return MOST_FRAMES - 1, pixels
    return frames, pixels


def _palette(flags: int) -> int:
    """Return the size of the palette that follows, bytes."""
    return 3 << ((flags & 7) + 1) if flags & _LOCAL_PALETTE else 0


def _held(encoded: Encoded, size: Size) -> float:
    return _HELD_PER_PIXEL * prod(encoded.header.size) + 4 * prod(size)


GIF = Format(
    name="gif",
    title="GIF",
    content_type="image/gif",
    extensions=("gif",),
    begins=beginning(b"GIF87a", b"GIF89a"),
    read=read,
    opener="PIL.GifImagePlugin:GifImageFile",
    decode="quickthumb.imaging.decoders.gif:decode",
    first_frame=first_frame,
    animated=True,
    patches="quickthumb.imaging.decoders.gif:patches",
    held=_held,
    is_whole=_is_whole,
    # GIF counts repetitions; without a count, it is played once.
    plays=lambda loop: 1 if loop is None else loop and loop + 1,
)
