"""PSD and PSB, of which only the flattened picture is read.

https://www.adobe.com/devnet-apps/photoshop/fileformatashtml/
"""

import struct
from collections.abc import Iterator
from math import prod
from typing import NamedTuple

from quickthumb.imaging.formats.descriptor import Encoded, Format, Header, Size, beginning
from quickthumb.problems import Corrupt, UnsupportedFormat

MOST_RESOURCES = 5_000
"""Per file. Photoshop writes some fifty."""

_HEADER = struct.Struct(">4xH6xHIIHH")
_BIG = 2
"""The version of a PSB, with wider counts and lengths."""

_PROFILE, _VERSION_INFO, _TRANSPARENT_INDEX = 1039, 1057, 1047
_SIGNATURES = frozenset((b"8BIM", b"MeSa", b"AgHg", b"PHUT", b"DCSR"))

_BITMAP, _GREY, _INDEXED, _RGB, _CMYK, _DUOTONE, _LAB = 0, 1, 2, 3, 4, 8, 9
_CHANNELS = {_BITMAP: 1, _GREY: 1, _INDEXED: 1, _RGB: 3, _CMYK: 4, _DUOTONE: 1, _LAB: 3}
_MODES = {
    _BITMAP: "L",
    _GREY: "L",
    _INDEXED: "P",
    _RGB: "RGB",
    _CMYK: "CMYK",
    _DUOTONE: "L",
    _LAB: "LAB",
}

_RAW, _RLE = 0, 1

_PALETTE = 768

_SAMPLE = (
    *(b"8BPS\0\1", bytes(6), b"\0\1", b"\0\0\0\1" * 2, b"\0\x08\0\1"),
    *(bytes(12), b"\0\1", b"\0\2", b"\0\x80"),
)
"""One grey pixel, packed."""


class Layout(NamedTuple):
    """Where the flattened picture is, and how it is stored.

    Attributes:
        size: pixels.
        mode: its layout in Pillow, without alpha.
        bits: per sample: 1, 8 or 16.
        channels: the number of channels in the file.
        alpha: whether the channel behind the colours is the transparency of the picture.
        palette: red, green and blue of each of 256 colours, one channel after the other.
        transparent: number of the transparent colour of the palette, if any.
        profile: the ICC profile, empty if there is none.
        packed: whether rows are packed (PackBits).
        rows: offset of the first row, and of the lengths of the rows if they are packed.
        length_size: bytes of the length of a row.
    """

    size: Size
    mode: str
    bits: int
    channels: int
    alpha: bool
    palette: bytes
    transparent: int | None
    profile: bytes
    packed: bool
    rows: int
    length_size: int

    @property
    def colours(self) -> int:
        """The number of channels that are colours."""
        return {"RGB": 3, "LAB": 3, "CMYK": 4}.get(self.mode, 1)

    @property
    def row_bytes(self) -> int:
        """The size of an unpacked row of a channel, bytes."""
        return -(-self.size[0] * self.bits // 8)


def read(data: bytes) -> Header:
    """Read the header of a PSD; see `Format.read`."""
    return Header(*layout(data).size)


def layout(data: bytes) -> Layout:
    """Find the flattened picture.

    Raises:
        UnsupportedFormat: there is none, or it cannot be read.
        Corrupt, struct.error: the file is invalid or truncated.
    """
    version, channels, height, width, bits, kind = _HEADER.unpack_from(data)
    if version not in (1, _BIG):
        raise UnsupportedFormat(f"PSD files of version {version} are not accepted.")
    if kind not in _CHANNELS or bits not in ((1,) if kind == _BITMAP else (8, 16)):
        raise UnsupportedFormat(
            f"PSD files of colour mode {kind} with {bits} bits per channel are not accepted: "
            "save it in RGB with 8 or 16 bits."
        )
    if channels < _CHANNELS[kind]:
        raise Corrupt("The PSD picture has too few channels.")
    start, end = _section(data, _HEADER.size)
    palette = data[start:end][:_PALETTE] if kind == _INDEXED else b""
    if kind == _INDEXED and len(palette) < _PALETTE:
        raise Corrupt("The PSD picture has no palette.")
    start, end = _section(data, end)
    found = dict(_resources(data, start, end))
    if found.get(_VERSION_INFO, b"")[4:5] == b"\0":
        raise UnsupportedFormat(
            "The PSD file has layers, but no flattened picture. Save it with the option "
            '"Maximize Compatibility".'
        )
    wide = 8 if version == _BIG else 4
    start, end = _section(data, end, wide)
    [compression] = struct.unpack_from(">H", data, end)
    if compression not in (_RAW, _RLE):
        raise UnsupportedFormat("PSD files whose flattened picture is a ZIP are not accepted.")
    index = found.get(_TRANSPARENT_INDEX, b"")
    return Layout(
        (width, height),
        _MODES[kind],
        bits,
        channels,
        channels > _CHANNELS[kind] and _has_transparency(data, start, end, wide),
        palette,
        int.from_bytes(index, "big") if kind == _INDEXED and index else None,
        found.get(_PROFILE, b""),
        compression == _RLE,
        end + 2,
        4 if version == _BIG else 2,
    )


def _section(data: bytes, at: int, wide: int = 4) -> tuple[int, int]:
    """Return start and end of the section at an offset, which begins with its length."""
    start = at + wide
    end = start + int.from_bytes(data[at:start], "big")
    if end > len(data):
        raise struct.error("truncated file")
    return start, end


def _resources(data: bytes, at: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of each image resource."""
    for _ in range(MOST_RESOURCES):
        if at + 12 > end or data[at : at + 4] not in _SIGNATURES:
            return
        [number, name] = struct.unpack_from(">HB", data, at + 4)
        at += 6 + (name + 2 & ~1)  # with its length, padded to an even size
        [size] = struct.unpack_from(">I", data, at)
        at += 4
        if number in (_PROFILE, _VERSION_INFO, _TRANSPARENT_INDEX):
            yield number, data[at : min(at + size, end)]
        at += size + 1 & ~1
    raise Corrupt(f"The PSD picture has more than {MOST_RESOURCES:,} image resources.")


def _has_transparency(data: bytes, at: int, end: int, wide: int) -> bool:
    """Return whether the first extra channel is the transparency of the picture.

    A negative number of layers says so. Otherwise it is a selection that somebody has saved.
    """
    if at + wide + 2 > end:
        return False
    [count] = struct.unpack_from(">h", data, at + wide)
    return bool(count < 0)


def _held(encoded: Encoded, size: Size) -> float:
    """Return the memory of a channel, which are decoded one by one, and of those reduced."""
    stored = layout(encoded.data)
    return 3 * stored.row_bytes * stored.size[1] + 2 * prod(stored.size) + 16 * prod(size)


PSD = Format(
    name="psd",
    title="PSD",
    content_type="image/vnd.adobe.photoshop",
    extensions=("psd", "psb"),
    begins=beginning(b"8BPS"),
    read=read,
    opener="quickthumb.imaging.decoders.psd:PsdFile",
    decode="quickthumb.imaging.decoders.psd:decode",
    held=_held,
    in_browsers=False,
    sample=b"".join(_SAMPLE),
)
