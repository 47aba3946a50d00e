"""BMP: https://learn.microsoft.com/en-us/windows/win32/gdi/bitmap-storage."""

import struct

from quickthumb.imaging.formats.descriptor import Format, Header, beginning
from quickthumb.problems import Corrupt

_INFO = 14
"""Offset of the size of the header in the file."""

_CORE = 12
_SIZES = frozenset((_CORE, 40, 52, 56, 64, 108, 124))
_DEPTHS = frozenset((1, 4, 8, 16, 24, 32))
_MASKED = 3
_COMPRESSIONS = frozenset((0, 1, 2, _MASKED))
"""None, 8-bit and 4-bit run-length encoding, and none with colour masks."""

_BEFORE_MASKS = 40
_WITHOUT_ALPHA = 52
"""Bytes of the header before its masks, and of the longest header without an alpha mask."""

_MASKS: dict[int, set[tuple[int, ...]]] = {
    16: {(0xF800, 0x7E0, 0x1F), (0x7C00, 0x3E0, 0x1F)},
    24: {(0xFF0000, 0xFF00, 0xFF)},
    32: {
        (0xFF0000, 0xFF00, 0xFF, 0),
        (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
        (0xFF000000, 0xFF0000, 0xFF00, 0),
        (0xFF000000, 0xFF0000, 0xFF00, 0xFF),
        (0xFF000000, 0xFF00, 0xFF, 0),
        (0xFF000000, 0xFF00, 0xFF, 0xFF0000),
        (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
        (0, 0, 0, 0),
    },
}
"""Masks that Pillow supports, by bits per pixel."""

_MOST_COLOURS = 65_536


def read(data: bytes) -> Header:
    """Read the header of a BMP; see `Format.read`."""
    [size] = struct.unpack_from("<I", data, _INFO)
    if size not in _SIZES:
        raise Corrupt(f"The BMP picture has a header of {size} bytes, which is not supported.")
    if _INFO + size > len(data):
        raise struct.error("truncated file")
    if size == _CORE:
        width, height, _, depth = struct.unpack_from("<HHHH", data, _INFO + 4)
        compression, colours = 0, 1 << depth
    else:
        width, height, _, depth, compression = struct.unpack_from("<IiHHI", data, _INFO + 4)
        [colours] = struct.unpack_from("<I", data, _INFO + 32)
    if depth not in _DEPTHS or compression not in _COMPRESSIONS:
        raise Corrupt(
            f"The BMP picture has {depth} bits per pixel and compression {compression}, "
            "which is not supported."
        )
    if compression == _MASKED and _masks(data, size, depth) not in _MASKS.get(depth, ()):
        raise Corrupt("The BMP picture has unsupported colour masks.")
    if depth <= 8 and colours > _MOST_COLOURS:
        raise Corrupt(f"The BMP picture has {colours:,} colours: the limit is {_MOST_COLOURS:,}.")
    return Header(width, abs(height))


def _masks(data: bytes, size: int, depth: int) -> tuple[int, ...]:
    """Return the masks of red, green, blue and, for 32 bits, alpha."""
    masks = struct.unpack_from("<IIII", data, _INFO + _BEFORE_MASKS)
    if depth < 32:
        return masks[:3]
    return masks if size > _WITHOUT_ALPHA else (*masks[:3], 0)


BMP = Format(
    name="bmp",
    title="BMP",
    content_type="image/bmp",
    extensions=("bmp",),
    begins=beginning(b"BM"),
    read=read,
    opener="PIL.BmpImagePlugin:BmpImageFile",
    meanings="quickthumb.imaging.colour.bmp:meanings",
)
