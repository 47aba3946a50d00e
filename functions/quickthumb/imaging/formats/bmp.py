"""BMP: https://learn.microsoft.com/en-us/windows/win32/gdi/bitmap-storage."""

import struct
from math import prod
from typing import NamedTuple

from quickthumb.imaging.formats.descriptor import (
    Encoded,
    Format,
    Header,
    Size,
    beginning,
    held_as_pixels,
)
from quickthumb.problems import Corrupt, UnsupportedFormat

_PIXELS, _INFO = 10, 14
"""Offsets in the file of the offset of the pixels, and of the size of the header."""

_CORE = 12
_SIZES = frozenset((_CORE, 40, 52, 56, 64, 108, 124))
_DEPTHS = frozenset((1, 4, 8, 16, 24, 32))
_PLAIN, _MASKED, _MASKED_WITH_ALPHA = 0, 3, 6
_COMPRESSIONS = frozenset((_PLAIN, 1, 2, _MASKED, _MASKED_WITH_ALPHA))
"""None, 8-bit and 4-bit run-length encoding, and none with colour masks."""

_BEFORE_MASKS = 40
_WITHOUT_ALPHA = 52
_WITH_COLOUR_SPACE = 108
"""Bytes of the header before its masks, of the longest header without an alpha mask, and of the
shortest with a colour space."""

_BY_PILLOW = {
    16: {(0xF800, 0x7E0, 0x1F, 0), (0x7C00, 0x3E0, 0x1F, 0)},
    24: {(0xFF0000, 0xFF00, 0xFF, 0)},
    32: {
        (0xFF0000, 0xFF00, 0xFF, 0),
        (0xFF000000, 0xFF0000, 0xFF00, 0),
        (0xFF000000, 0xFF00, 0xFF, 0),
        (0, 0, 0, 0),
    },
}
"""Masks that Pillow reads like browsers, by bits per pixel."""

_BY_US = frozenset((16, 32))

_USUAL = {16: (0x7C00, 0x3E0, 0x1F), 32: (0xFF0000, 0xFF00, 0xFF)}
"""Masks of red, green and blue of pixels without colour masks, by bits per pixel."""

_MOST_COLOURS = 65_536

_HELD_PER_MASKED_PIXEL = 8
"""Bytes: as numbers, and as colours."""


class Masked(NamedTuple):
    """How pixels are stored as numbers of which some bits are a channel.

    Attributes:
        size: width and height, pixels.
        bits: per pixel, 16 or 32.
        masks: of red, green, blue and alpha; 0 for a channel that there is not.
        start: offset of the pixels in the file.
        stride: bytes per row.
        top_down: whether the first row is the top one.
    """

    size: Size
    bits: int
    masks: tuple[int, ...]
    start: int
    stride: int
    top_down: bool


class _Info(NamedTuple):
    size: int
    width: int
    height: int
    depth: int
    compression: int
    colours: int


def read(data: bytes) -> Header:
    """Read the header of a BMP; see `Format.read`."""
    info = _info(data)
    if info.depth not in _DEPTHS or info.compression not in _COMPRESSIONS:
        raise UnsupportedFormat(
            f"BMP pictures with {info.depth} bits per pixel and compression {info.compression} "
            "are not accepted."
        )
    masks = _masks(data, info)
    by_pillow = not masks or masks in _BY_PILLOW.get(info.depth, ())
    if not by_pillow and not (info.depth in _BY_US and _are_apart(masks, info.depth)):
        raise UnsupportedFormat("BMP pictures with such colour masks are not accepted.")
    if info.depth <= 8 and info.colours > _MOST_COLOURS:
        raise Corrupt(
            f"The BMP picture has {info.colours:,} colours: the limit is {_MOST_COLOURS:,}."
        )
    return Header(info.width, abs(info.height))


def masked(data: bytes) -> Masked | None:
    """Return how the pixels are stored if Pillow does not read them like browsers.

    Pillow takes an alpha of 1 or 4 bits for colour, and knows few other masks.

    Args:
        data: the file, which has been `read`, or its first bytes.
    """
    info = _info(data)
    masks = _masks(data, info)
    if not masks or masks in _BY_PILLOW[info.depth]:
        return None
    [start] = struct.unpack_from("<I", data, _PIXELS)
    stride = (info.width * info.depth + 31) // 32 * 4
    size = (info.width, abs(info.height))
    return Masked(size, info.depth, masks, start, stride, info.height < 0)


def _info(data: bytes) -> _Info:
    [size] = struct.unpack_from("<I", data, _INFO)
    if size not in _SIZES:
        raise Corrupt(f"The BMP picture has a header of {size} bytes, which there is not.")
    if _INFO + size > len(data):
        raise struct.error("truncated file")
    if size == _CORE:
        width, height, _, depth = struct.unpack_from("<HHHH", data, _INFO + 4)
        return _Info(size, width, height, depth, _PLAIN, 1 << depth)
    width, height, _, depth, compression = struct.unpack_from("<IiHHI", data, _INFO + 4)
    [colours] = struct.unpack_from("<I", data, _INFO + 32)
    return _Info(size, width, height, depth, compression, colours)


def _masks(data: bytes, info: _Info) -> tuple[int, ...]:
    """Return the masks of red, green, blue and alpha; none if pixels are stored otherwise.

    Browsers take the alpha mask of the longest headers from files without colour masks, too.
    """
    if info.compression in (_MASKED, _MASKED_WITH_ALPHA):
        masks = struct.unpack_from("<IIII", data, _INFO + _BEFORE_MASKS)
        has_alpha = info.size > _WITHOUT_ALPHA or info.compression == _MASKED_WITH_ALPHA
        return masks if has_alpha else (*masks[:3], 0)
    usual = _USUAL.get(info.depth)
    if info.compression != _PLAIN or usual is None or info.size < _WITH_COLOUR_SPACE:
        return ()
    [alpha] = struct.unpack_from("<I", data, _INFO + _WITHOUT_ALPHA)
    masks = (*usual, alpha)
    return masks if alpha and _are_apart(masks, info.depth) else ()


def _are_apart(masks: tuple[int, ...], bits: int) -> bool:
    """Return whether each mask is a single run of bits, and none of them is in two masks."""
    shifted = [mask // (mask & -mask or 1) for mask in masks]
    if any(mask & (mask + 1) for mask in shifted):
        return False
    together = sum(masks)
    return together == masks[0] | masks[1] | masks[2] | masks[3] and together < 1 << bits


def _is_whole(data: bytes) -> bool:
    info = _info(data)
    [start] = struct.unpack_from("<I", data, _PIXELS)
    stride = (info.width * info.depth + 31) // 32 * 4
    return info.compression in (1, 2) or start + stride * abs(info.height) <= len(data)


def _held(encoded: Encoded, size: Size) -> float:
    if masked(encoded.data):
        return _HELD_PER_MASKED_PIXEL * prod(encoded.header.size) + 4 * prod(size)
    return held_as_pixels(encoded, size)


BMP = Format(
    name="bmp",
    title="BMP",
    content_type="image/bmp",
    extensions=("bmp",),
    begins=beginning(b"BM"),
    read=read,
    opener="quickthumb.imaging.decoders.bmp:MaskedBmp",
    meanings="quickthumb.imaging.colour.bmp:meanings",
    held=_held,
    is_whole=_is_whole,
)
