"""What decoding a picture holds in memory at its peak, reckoned from its header.

The bytes a pixel takes are measured (docs/decisions/0003-imaging-engines.md) and rounded up.
"""

from collections.abc import Mapping
from math import prod
from typing import Any

from PIL import ImageFile

from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.formats.avif import stream_pixels
from quickthumb.imaging.formats.jpeg import coefficient_bytes, idct_scale
from quickthumb.imaging.geometry import Size
from quickthumb.problems import TooManyPixels

_WEBP_PER_PIXEL = 16
"""Two canvases, the frame as bytes, and the picture, at four bytes each."""

_AVIF_PER_STREAM_PIXEL = 6
"""Up to 12 bits in three full planes."""

_AVIF_PER_PIXEL = 7
"""Interleaved, and once more as a picture."""

_HEIF_PER_PIXEL = 7.2
"""At 8 bits and half the colours in both directions, as phones store them."""

_OTHER_HEIF_PER_PIXEL = 14

_BITS_PER_SAMPLE, _COMPRESSION, _PHOTOMETRIC, _SAMPLES_PER_PIXEL = 258, 259, 262, 277
_ROWS_PER_STRIP, _TILE_WIDTH, _TILE_LENGTH = 278, 322, 323
_YCBCR = 6

_BYTES_OF_MODE = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}
"""Of a pixel in Pillow; all other modes take four."""


def check_memory(encoded: Encoded, held: float) -> None:
    """Refuse a picture for which decoding would hold too many bytes.

    Raises:
        TooManyPixels: naming how it is stored, for the same pixels may fit if stored otherwise.
    """
    if held > encoded.max_bytes:
        header = encoded.header
        raise TooManyPixels(
            f"Decoding {header.width} x {header.height} pixels stored like this takes "
            f"{held / 1e6:,.0f} MB: at most {encoded.max_bytes / 1e6:,.0f} MB are granted. "
            "Send it smaller, or as a baseline JPEG."
        )


def held_by_pillow(encoded: Encoded, size: Size) -> float:
    """Return the bytes that Pillow holds when it decodes and reduces to `size` pixels."""
    header = encoded.header
    pixels = header.width * header.height
    mode = _BYTES_OF_MODE.get(header.mode, 4)
    reduced = 4 * size[0] * size[1]
    match header.format:
        case "JPEG":
            scale = idct_scale(header.size, size)
            left = mode * pixels / scale**2
            return coefficient_bytes(encoded.data) + left + reduced
        case "WEBP":
            return _WEBP_PER_PIXEL * pixels
        case "AVIF":
            streams = _AVIF_PER_STREAM_PIXEL * stream_pixels(encoded.data)
            return streams + _AVIF_PER_PIXEL * pixels
        case "HEIF":
            stored = (header.info.get("bit_depth"), header.info.get("chroma"))
            per_pixel = _HEIF_PER_PIXEL if stored == (8, 420) else _OTHER_HEIF_PER_PIXEL
            return per_pixel * prod(encoded.declared.decoded)
        case "TIFF":
            # Pillow turns it by copying it.
            turned = encoded.declared.orientation != 1
            return (2 * mode if turned else mode) * pixels + reduced + _tiff_piece(header)
        case _:
            return mode * pixels + reduced


def _tiff_piece(header: ImageFile.ImageFile) -> int:
    """Return the bytes of a strip or a tile, which is decoded as a whole; a tile may have any size.

    TIFF 6.0, sections 4 and 15: https://www.loc.gov/preservation/digital/formats/fdd/fdd000022.shtml
    """
    tags: Mapping[int, Any] = header.tag_v2  # type: ignore[attr-defined]  # of its class in Pillow
    width, height = header.size
    rows = min(tags.get(_ROWS_PER_STRIP, height), height)
    if tags.get(_COMPRESSION, 1) == 1 and rows == height and _TILE_WIDTH not in tags:
        return 0  # read as a stream
    pixels = tags.get(_TILE_WIDTH, width) * tags.get(_TILE_LENGTH, rows)
    if tags.get(_PHOTOMETRIC) == _YCBCR:
        return 4 * int(pixels)
    bits = max(tags.get(_BITS_PER_SAMPLE, (1,)))
    return int(pixels * tags.get(_SAMPLES_PER_PIXEL, 1) * bits) // 8


def held_by_vips(encoded: Encoded, size: Size, scaled: float) -> float:
    """Return the bytes that libvips holds when it decodes and reduces to `size` pixels.

    Args:
        encoded: the picture; libvips copies the file.
        size: of what is asked for.
        scaled: pixels that libwebp leaves, having reduced while it decodes.
    """
    header = encoded.header
    reduced = 12 * size[0] * size[1] + len(encoded.data)
    match header.format:
        case "JPEG":
            return reduced + coefficient_bytes(encoded.data)
        case "WEBP":
            pixels = header.width * header.height
            transparent_or_lossless = header.mode == "RGBA" or b"VP8L" in encoded.data[:64]
            return reduced + 6 * scaled + (6 * pixels if transparent_or_lossless else 0)
        case _:
            return reduced
