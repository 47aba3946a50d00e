"""HEIC: ISO/IEC 23008-12."""

import struct
from math import prod

from quickthumb.imaging.formats.bmff import brands, is_whole, read_index
from quickthumb.imaging.formats.descriptor import Encoded, Format, Header, Size

_BRANDS = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
)

_BLOCK = 64
"""Side of the largest coding block of HEVC, pixels."""

_HELD_PER_PIXEL = 7.2
"""Bytes at 8 bits and 4:2:0 subsampling, as phones store pictures."""

_HELD_PER_OTHER_PIXEL = 14


def read(data: bytes) -> Header:
    """Read the header of a HEIC; see `Format.read`.

    The decoder crops and turns the picture in the order of its properties.
    """
    index = read_index(data)
    coded = width, height = index.size()
    cropped = False
    for kind, start, _ in index.properties:
        if kind == b"clap":
            cropped |= not _is_padding((width, height), _aperture(data, start))
            width, height = _aperture(data, start)
        elif kind == b"irot" and data[start] & 1:
            width, height = height, width
    return Header(width, height, coded=coded if cropped else None)


def _aperture(data: bytes, start: int) -> tuple[int, int]:
    """Return width and height of the clean aperture (ISO/IEC 14496-12, 12.1.4), rounded."""
    width, by, height, and_by = struct.unpack_from(">4i", data, start)
    if by < 1 or and_by < 1:
        return 0, 0
    return (width + by // 2) // by, (height + and_by // 2) // and_by


def _is_padding(size: Size, aperture: Size) -> bool:
    """Return whether the crop only removes what encoders add to fill their last blocks."""
    return all(0 <= a - b < _BLOCK for a, b in zip(size, aperture, strict=True))


def _held(encoded: Encoded, _: Size) -> float:
    info = encoded.header.info
    usual = (info.get("bit_depth"), info.get("chroma")) == (8, 420)
    return (_HELD_PER_PIXEL if usual else _HELD_PER_OTHER_PIXEL) * prod(encoded.declared.decoded)


HEIF = Format(
    name="heif",
    title="HEIC",
    content_type="image/heic",
    extensions=("heic", "heif"),
    begins=lambda data: not _BRANDS.isdisjoint(brands(data)),
    read=read,
    opener="pillow_heif.as_plugin:HeifImageFile",
    decoder_turns=True,
    meanings="quickthumb.imaging.colour.nclx:meanings",
    held=_held,
    is_whole=is_whole,
    in_browsers=False,
)
