"""JPEG 2000, as a bare codestream or in a JP2: ITU-T T.800, Annexes A and I.

https://www.itu.int/rec/T-REC-T.800
"""

import struct
from collections.abc import Iterator
from math import prod
from typing import NamedTuple

from quickthumb.imaging.formats.bmff import Box, Counter, boxes
from quickthumb.imaging.formats.descriptor import (
    Encoded,
    Format,
    Header,
    Size,
    beginning,
)
from quickthumb.problems import Corrupt

MOST_BOXES = 1_000
"""Per file, and within its header."""

MOST_SEGMENTS = 1_000
"""Before the first tile."""

MOST_TILES = 20_000
"""50 megapixels in tiles of 64 x 64 pixels are 12,208."""

MOST_PARTS = 500_000
"""Of all tiles. Each may have one for each resolution and layer."""

_RESERVE = 3
"""Ratio to the target size to leave for resampling: the lower resolutions have jagged edges (with a
reserve of 3, 35 dB; of 2, 31 dB). Less is left if decoding would take too much memory."""

_CODESTREAM = b"\xff\x4f\xff\x51"
_JP2 = b"\0\0\0\x0cjP  \r\n\x87\n"

_WITH_PROFILE = frozenset((2, 3))
"""How a colour is specified: by a restricted, or by any ICC profile."""

_SIZ, _COD, _COC = 0xFF51, 0xFF52, 0xFF53
_START_OF_TILE = 0xFF90
_END = b"\xff\xd9"

_SIZE = struct.Struct(">2xIIIIIIIIH")
_PART = struct.Struct(">H2xHI2x")
_LEVELS_IN_COD = 5
_MOST_LEVELS = 32

_MOST_COMPONENTS = 4
_DECODED = 4
_HELD_PER_SAMPLE = 5
"""Bytes of a sample of a tile: as a number of 32 bits, and in a buffer."""

_HELD_PER_TILE = 12_000
"""Bytes of the description of a tile that OpenJPEG holds from the start."""


class Codestream(NamedTuple):
    """The main header of a codestream.

    Attributes:
        size: of the picture, pixels.
        tile: size of a tile, at most that of the picture, pixels.
        tiles: their number.
        components: their number.
        levels: how often it can be halved while it is decoded.
    """

    size: Size
    tile: Size
    tiles: int
    components: int
    levels: int


def read(data: bytes) -> Header:
    """Read the header of a JPEG 2000; see `Format.read`."""
    main = codestream(data)
    if data.startswith(_JP2) and _size_in_jp2(data) != main.size:
        raise Corrupt("The JPEG 2000 picture states two different sizes.")
    return Header(*main.size)


def codestream(data: bytes) -> Codestream:
    """Read the main header of the codestream.

    Raises:
        Corrupt: there is none, or it is not supported.
    """
    found: Codestream | None = None
    levels = _MOST_LEVELS
    for marker, start in _segments(data, _start(data)):
        if marker == _SIZ and found is None:
            found = _described(data, start)
        elif marker == _COD:
            levels = min(levels, data[start + _LEVELS_IN_COD])
        elif marker == _COC and found is not None:
            levels = min(levels, data[start + (2 if found.components < 257 else 3)])
    if found is None:
        raise Corrupt("The JPEG 2000 picture does not state its size.")
    return found._replace(levels=levels)


def tiles_there(data: bytes) -> int:
    """Return of how many tiles at least a part is in the file (A.4.2).

    OpenJPEG leaves out those of which there is none.

    Raises:
        Corrupt: there are too many parts.
    """
    at = _start(data) + 2
    for _, start in _segments(data, at - 2):
        at = start - 2 + int.from_bytes(data[start - 2 : start], "big")
    there: set[int] = set()
    for _ in range(MOST_PARTS):
        if at + _PART.size > len(data):
            return len(there)
        marker, tile, length = _PART.unpack_from(data, at)
        if marker != _START_OF_TILE:
            return len(there)
        there.add(tile)
        if not length:  # it goes on to the end
            return len(there)
        at += max(_PART.size, length)
    raise Corrupt(f"The JPEG 2000 picture has more than {MOST_PARTS:,} parts of tiles.")


def reduction(encoded: Encoded, target: Size) -> int:
    """Return how often to halve a picture while it is decoded, never below the target size."""
    main = codestream(encoded.data)
    ratio = min(side / wanted for side, wanted in zip(main.size, target, strict=True))
    halvings = 0
    while halvings < main.levels and ratio >= 2 << halvings:
        enough = ratio / _RESERVE < 2 << halvings
        if enough and _held_halved(main, target, halvings) <= encoded.max_bytes:
            break
        halvings += 1
    return halvings


def meanings(data: bytes, _: bytes | None) -> tuple[bytes, ...]:
    """Return the ICC profile of a JP2 (I.5.3.3), which Pillow skips; see `Format.meanings`."""
    for kind, start, end in _in_header(data):
        if kind == b"colr" and data[start] in _WITH_PROFILE:
            return (data[start + 3 : end],)
    return ()


def _start(data: bytes) -> int:
    """Return the offset of the codestream."""
    if data.startswith(_CODESTREAM):
        return 0
    for kind, start, _ in boxes(data, 0, len(data), Counter("boxes", MOST_BOXES)):
        if kind == b"jp2c" and data.startswith(_CODESTREAM, start):
            return start
    raise Corrupt("The JPEG 2000 picture has no pixels.")


def _size_in_jp2(data: bytes) -> Size:
    """Return the size in the header of a JP2 (I.5.3.1)."""
    for kind, start, _ in _in_header(data):
        if kind == b"ihdr":
            height, width = struct.unpack_from(">II", data, start)
            return width, height
    raise Corrupt("The JPEG 2000 picture has no header.")


def _in_header(data: bytes) -> Iterator[Box]:
    """Yield the boxes in the header of a JP2; none of a bare codestream."""
    if data.startswith(_JP2):
        counter = Counter("boxes", MOST_BOXES)
        for kind, start, end in boxes(data, 0, len(data), counter):
            if kind == b"jp2h":
                yield from boxes(data, start, end, counter)


def _segments(data: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Yield marker and offset of each segment of the main header (A.2)."""
    at += 2
    for _ in range(MOST_SEGMENTS):
        marker, length = struct.unpack_from(">HH", data, at)
        if marker == _START_OF_TILE:
            return
        if length < 2:
            raise Corrupt("The JPEG 2000 picture has an invalid segment.")
        yield marker, at + 4
        at += 2 + length
    raise Corrupt(f"The JPEG 2000 picture has more than {MOST_SEGMENTS:,} segments.")


def _described(data: bytes, start: int) -> Codestream:
    """Read the segment with sizes (A.5.1)."""
    right, bottom, left, top, across, down, tiles_left, tiles_top, components = _SIZE.unpack_from(
        data, start
    )
    width, height = right - left, bottom - top
    if not 1 <= components <= _MOST_COMPONENTS:
        raise Corrupt(
            f"The JPEG 2000 picture has {components} channels: expected 1 to {_MOST_COMPONENTS}."
        )
    if not (across and down) or tiles_left > left or tiles_top > top:
        raise Corrupt("The JPEG 2000 picture has invalid tiles.")
    tiles = -(-(right - tiles_left) // across) * -(-(bottom - tiles_top) // down)
    if tiles > MOST_TILES:
        raise Corrupt(f"The JPEG 2000 picture has {tiles:,} tiles: the limit is {MOST_TILES:,}.")
    tile = (min(across, max(1, width)), min(down, max(1, height)))
    return Codestream((width, height), tile, tiles, components, _MOST_LEVELS)


def _held(encoded: Encoded, size: Size) -> float:
    return _held_halved(codestream(encoded.data), size, reduction(encoded, size))


def _held_halved(main: Codestream, size: Size, halvings: int) -> float:
    area = 4**halvings
    decoded = _DECODED * prod(main.size) / area
    tile = _HELD_PER_SAMPLE * main.components * prod(main.tile) / area
    held: float = 2 * decoded + tile + _HELD_PER_TILE * main.tiles + 4 * prod(size)
    return held


JPEG2000 = Format(
    name="jpeg2000",
    title="JPEG 2000",
    content_type="image/jp2",
    extensions=("jp2", "jpx", "jpf", "j2k", "j2c", "jpc"),
    begins=beginning(_CODESTREAM, _JP2),
    read=read,
    opener="PIL.Jpeg2KImagePlugin:Jpeg2KImageFile",
    decode="quickthumb.imaging.decoders.jpeg2000:decode",
    meanings="quickthumb.imaging.formats.jpeg2000:meanings",
    held=_held,
    is_whole=lambda data: data.rfind(_END) > 0,
    in_browsers=False,
)
