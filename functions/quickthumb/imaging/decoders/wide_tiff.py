"""Reads TIFFs whose samples Pillow does not know, with libvips."""

from typing import Any

from PIL import Image

from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.engines.vips import is_there, library, resized
from quickthumb.imaging.formats.tiff import UNSPECIFIED, Planes
from quickthumb.imaging.geometry import Size, turned
from quickthumb.imaging.orient import upright
from quickthumb.problems import UnsupportedFormat

_BLACK_AND_RANGE = {
    "char": (-(1 << 7), 1 << 8),
    "short": (-(1 << 15), 1 << 16),
    "ushort": (0, 1 << 16),
    "int": (-(1 << 31), 1 << 32),
    "uint": (0, 1 << 32),
}
"""The lowest value, and the number of values, of integers other than bytes."""


_LAB = frozenset(("lab", "labs", "labq"))

_MODES = {3: "RGB", 4: "CMYK"}


def decode_wide(encoded: Encoded, size: Size, planes: Planes) -> Image.Image:
    """Decode and reduce; the upper 8 bits are kept, and of fractions, 0 to 1.

    Raises:
        UnsupportedFormat: libvips is not installed.
    """
    if not is_there():
        raise UnsupportedFormat("TIFF pictures with such a pixel layout are not accepted.")
    picture = library().Image.tiffload_buffer(encoded.data, access="sequential", fail_on="error")
    has_alpha = planes.extra != UNSPECIFIED and picture.bands > planes.colours
    picture = _in_bytes(picture.extract_band(0, n=planes.colours + has_alpha))
    orientation = encoded.declared.orientation
    # libvips has divided the colours by an alpha with which they were multiplied.
    reduced = resized(picture, turned(size, orientation), alpha=has_alpha).copy_memory()
    image = _to_pillow(reduced.extract_band(0, n=planes.colours), _MODES[planes.colours])
    if has_alpha:
        alpha = _to_pillow(reduced.extract_band(planes.colours), "L")
        if image.mode == "CMYK":  # with alpha, there is no such mode
            image = encoded.to_srgb(image)
        image.putalpha(alpha)
    return upright(image, orientation)


def _in_bytes(picture: Any) -> Any:
    """Return the picture with 8 bits per sample, in RGB if it was in LAB."""
    if picture.interpretation in _LAB:
        picture = picture.colourspace("srgb")
    if picture.format == "float":
        return (picture * 255 + 0.5).cast("uchar")
    if picture.format == "uchar":
        return picture
    black, levels = _BLACK_AND_RANGE[picture.format]
    return ((picture - black) * (256 / levels)).cast("uchar")


def _to_pillow(picture: Any, mode: str) -> Image.Image:
    size = (picture.width, picture.height)
    return Image.frombytes(mode, size, picture.write_to_memory())
