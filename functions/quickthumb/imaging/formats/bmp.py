"""BMP: https://learn.microsoft.com/en-us/windows/win32/gdi/bitmap-storage."""

import struct

from quickthumb.errors import Corrupt
from quickthumb.imaging.formats.descriptor import Format, Header, beginning

_INFO = 14
"""Where in the file the size of its header is."""

_CORE = 12
_SIZES = frozenset((_CORE, 40, 52, 56, 64, 108, 124))
_DEPTHS = frozenset((1, 4, 8, 16, 24, 32))
_COMPRESSIONS = frozenset((0, 1, 2, 3))
"""None, by runs of 8 and of 4 bits, and as masks tell."""

_MOST_COLOURS = 65_536


def read(data: bytes) -> Header:
    """Read the header of a BMP; see `Format.read`."""
    [size] = struct.unpack_from("<I", data, _INFO)
    if size not in _SIZES:
        raise Corrupt(f"The BMP picture has a header of {size} bytes, of which none is known.")
    if _INFO + size > len(data):
        raise struct.error("the file ends before")
    if size == _CORE:
        width, height, _, depth = struct.unpack_from("<HHHH", data, _INFO + 4)
        compression, colours = 0, 1 << depth
    else:
        width, height, _, depth, compression = struct.unpack_from("<IiHHI", data, _INFO + 4)
        [colours] = struct.unpack_from("<I", data, _INFO + 32)
    if depth not in _DEPTHS or compression not in _COMPRESSIONS:
        raise Corrupt(
            f"The BMP picture has {depth} bits for a pixel, and compression {compression}: "
            "it is not known how to read that."
        )
    if depth <= 8 and colours > _MOST_COLOURS:
        raise Corrupt(f"The BMP picture has {colours:,} colours: at most 65,536 make sense.")
    return Header(width, abs(height))


BMP = Format(
    name="BMP",
    title="BMP",
    content_type="image/bmp",
    begins=beginning(b"BM"),
    read=read,
    decoder="PIL.BmpImagePlugin:BmpImageFile",
)
