"""ICO and CUR, of which only the best image is used.

https://learn.microsoft.com/en-us/previous-versions/ms997538(v=msdn.10)
"""

import struct
from collections.abc import Iterator
from math import prod
from typing import NamedTuple

from quickthumb.imaging.formats.descriptor import Encoded, Format, Header, Size
from quickthumb.imaging.formats.png import PNG
from quickthumb.problems import Corrupt

MOST_IMAGES = 1_000
"""Per file. Icons of programs have up to some twenty."""

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"

_MAGIC = (b"\0\0\1\0", b"\0\0\2\0")
_ENTRY = struct.Struct("<12xI")
_BITMAP_HEADER = 40
_DEPTHS = frozenset((1, 4, 8, 16, 24, 32))

_HELD_PER_PIXEL = 12
"""Bytes: as stored, as decoded, and with transparency."""


class _Image(NamedTuple):
    """An image of the file.

    Attributes:
        pixels: width times height.
        bits: per pixel.
        size: width and height, pixels.
        start: offset in the file.
    """

    pixels: int
    bits: int
    size: Size
    start: int


def begins(data: bytes) -> bool:
    """Return whether a file is an icon: its magic bytes alone are rather short."""
    return data[:4] in _MAGIC and data[4:6] != b"\0\0"


def read(data: bytes) -> Header:
    """Read the header of an icon; see `Format.read`."""
    best = _best(data)
    return Header(*best.size)


def best_image(data: bytes) -> bytes:
    """Return the best image, a PNG or a bitmap without the header of a file, and what follows it.

    Its stated length is not used: some programs write too little.
    """
    image = data[_best(data).start :]
    return PNG.lean(image) if image.startswith(PNG_MAGIC) else image


def _best(data: bytes) -> _Image:
    """Return the image with most pixels, and of those, with most colours.

    The sizes in the list of images are ignored: images are often larger.
    """
    images = list(_images(data))
    if not images:
        raise Corrupt("The ICO picture has no image that can be read.")
    return max(images, key=lambda image: image[:2])


def _images(data: bytes) -> Iterator[_Image]:
    [count] = struct.unpack_from("<H", data, 4)
    if count > MOST_IMAGES:
        raise Corrupt(f"The ICO picture has {count:,} images: the limit is {MOST_IMAGES:,}.")
    for number in range(count):
        [start] = _ENTRY.unpack_from(data, 6 + 16 * number)
        try:
            bits, size = _image_header(data, start)
        except struct.error:
            continue  # it is beyond the end of the file
        if bits and min(size) > 0:
            yield _Image(prod(size), bits, size, start)


def _image_header(data: bytes, start: int) -> tuple[int, Size]:
    """Return bits per pixel and size of an image; 0 bits if it cannot be read."""
    if data.startswith(PNG_MAGIC, start):
        kind, width, height, bits = struct.unpack_from(">4sIIB", data, start + 12)
        return (4 * bits if kind == b"IHDR" else 0), (width, height)
    length, width, height, _, bits, compression = struct.unpack_from("<IiiHHI", data, start)
    known = length == _BITMAP_HEADER and bits in _DEPTHS and compression == 0
    return (bits if known else 0), (width, height // 2)  # the lower half is a mask


def _is_whole(image: bytes) -> bool:
    """Return whether the end of what `best_image` returned is there; its mask may be missing."""
    if image.startswith(PNG_MAGIC):
        return PNG.is_whole(image)
    bits, (width, height) = _image_header(image, 0)
    [colours] = struct.unpack_from("<I", image, 32)
    palette = 4 * (colours or 1 << bits) if bits <= 8 else 4 * colours
    return _BITMAP_HEADER + palette + (width * bits + 31) // 32 * 4 * height <= len(image)


def _held(encoded: Encoded, _: Size) -> float:
    return _HELD_PER_PIXEL * prod(encoded.header.size)


ICO = Format(
    name="ico",
    title="ICO",
    content_type="image/x-icon",
    extensions=("ico", "cur"),
    begins=begins,
    read=read,
    opener="quickthumb.imaging.decoders.ico:open_image",
    decode="quickthumb.imaging.decoders.ico:decode",
    lean=best_image,
    held=_held,
    is_whole=_is_whole,
    row_by_row=True,
)
