"""The frames of an animated PNG: https://www.w3.org/TR/png-3/#apng-frame-based-animation."""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from quickthumb.imaging.formats.png import PNG_SIGNATURE, chunks
from quickthumb.problems import Corrupt

_END = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))

_SHARED = frozenset((b"PLTE", b"tRNS"))
"""Chunks that the pixels of every frame depend on, beside the header."""

_NUMBERED = frozenset((b"fcTL", b"fdAT"))

_PIXELS = {b"IDAT": 0, b"fdAT": 4}
"""Chunks with pixels, and what precedes them there, bytes."""

_DEFAULT_DENOMINATOR = 100


class Frame(NamedTuple):
    """The content of an `fcTL` chunk (11.3.6.2).

    Attributes:
        number: of this chunk in the sequence of `fcTL` and `fdAT`.
        width: pixels.
        height: pixels.
        left: offset from the left edge of the picture, pixels.
        top: offset from its top edge, pixels.
        numerator: of the duration in seconds.
        denominator: of the duration; 0 for hundredths.
        disposal: what happens to the frame before the next one is drawn.
        over: whether the frame is drawn over what is there.
    """

    number: int
    width: int
    height: int
    left: int
    top: int
    numerator: int
    denominator: int
    disposal: int
    over: int

    @property
    def milliseconds(self) -> float:
        """How long the frame is shown."""
        return 1000 * self.numerator / (self.denominator or _DEFAULT_DENOMINATOR)


_CONTROL = struct.Struct(">IIIIIHHBB")


def frames(data: bytes) -> Iterator[tuple[Frame, bytes]]:
    """Yield each frame, and a PNG that consists of this frame alone.

    Raises:
        Corrupt: a frame is invalid or out of order; those before it can be shown.
    """
    view = memoryview(data)
    shared: list[bytes | memoryview] = []
    frame: Frame | None = None
    pixels: list[memoryview] = []
    header = b""
    expected = 0
    for kind, start, end in chunks(data):
        content = view[start:end]
        if kind in (b"fcTL", b"IEND") and frame and pixels:
            yield frame, _alone(frame, header, shared, pixels)
            frame, pixels = None, []
        if kind == b"IEND":
            return
        if len(content) < end - start:
            raise Corrupt("The PNG animation is truncated.")
        if kind == b"IHDR":
            header = bytes(content)
            size = struct.unpack_from(">II", header)
        elif kind in _SHARED and not pixels:
            shared.append(view[start - 8 : end + 4])
        elif kind in _NUMBERED:
            [number] = struct.unpack_from(">I", content)
            if number != expected:
                raise Corrupt("The frames of the PNG animation are out of order.")
            expected += 1
        if kind == b"fcTL":
            frame = Frame._make(_CONTROL.unpack_from(content))
            if not _fits(frame, size):
                raise Corrupt("A frame of the PNG animation lies outside of the picture.")
        elif kind in _PIXELS and frame:
            pixels.append(content[_PIXELS[kind] :])


def _fits(frame: Frame, size: tuple[int, int]) -> bool:
    right, bottom = frame.left + frame.width, frame.top + frame.height
    return min(frame.width, frame.height) > 0 and right <= size[0] and bottom <= size[1]


def _alone(
    frame: Frame, header: bytes, shared: list[bytes | memoryview], pixels: list[memoryview]
) -> bytes:
    size = struct.pack(">II", frame.width, frame.height)
    return b"".join(
        (
            PNG_SIGNATURE,
            _chunk(b"IHDR", size + header[8:]),
            *shared,
            _chunk(b"IDAT", b"".join(pixels)),
            _END,
        )
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return b"".join((struct.pack(">I", len(content)), kind, content, struct.pack(">I", checksum)))
