"""HEIC: ISO/IEC 23008-12."""

import struct

from quickthumb.imaging.formats.bmff import brands, read_index
from quickthumb.imaging.formats.descriptor import Format, Header

_BRANDS = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
)


def read(data: bytes) -> Header:
    """Read the header of a HEIC; see `Format.read`.

    The decoder crops and turns the picture as its properties ask for, one after another.
    """
    index = read_index(data)
    coded = index.size()
    width, height = coded
    for kind, start, _ in index.properties:
        if kind == b"clap":
            width, height = _aperture(data, start)
        elif kind == b"irot" and data[start] & 1:
            width, height = height, width
    return Header(width, height, coded=coded)


def _aperture(data: bytes, start: int) -> tuple[int, int]:
    """Return width and height of what is to be shown (ISO/IEC 14496-12, 12.1.4), to the pixel."""
    width, by, height, and_by = struct.unpack_from(">4i", data, start)
    if by < 1 or and_by < 1:
        return 0, 0
    return (width + by // 2) // by, (height + and_by // 2) // and_by


HEIF = Format(
    name="HEIF",
    title="HEIC",
    content_type="image/heic",
    begins=lambda data: not _BRANDS.isdisjoint(brands(data)),
    read=read,
    decoder="pillow_heif.as_plugin:HeifImageFile",
    decoder_turns=True,
)
