"""The registry of formats, each defined in a file of its own.

Every list of formats is derived from it. To add one, see docs/imaging.md.
"""

import struct
from collections.abc import Collection, Sequence

from quickthumb.imaging.formats.avif import AVIF
from quickthumb.imaging.formats.bmp import BMP
from quickthumb.imaging.formats.descriptor import Format, Header, Output
from quickthumb.imaging.formats.gif import GIF
from quickthumb.imaging.formats.heif import HEIF
from quickthumb.imaging.formats.ico import ICO
from quickthumb.imaging.formats.jpeg import JPEG
from quickthumb.imaging.formats.jpeg2000 import JPEG2000
from quickthumb.imaging.formats.jxl import JXL, is_installed
from quickthumb.imaging.formats.pdf import PDF
from quickthumb.imaging.formats.png import PNG
from quickthumb.imaging.formats.psd import PSD
from quickthumb.imaging.formats.raw import RAW
from quickthumb.imaging.formats.refused import name_of_refused
from quickthumb.imaging.formats.svg import SVG
from quickthumb.imaging.formats.tiff import TIFF
from quickthumb.imaging.formats.webp import WEBP
from quickthumb.problems import Corrupt, NotAPicture, UnsupportedFormat

FORMATS = (
    *(JPEG, PNG, WEBP, AVIF, *([JXL] if is_installed() else ()), HEIF, GIF, *RAW, TIFF, BMP),
    *(ICO, JPEG2000, PSD, SVG, PDF),
)

USUAL = tuple(each for each in FORMATS if not each.opt_in)
"""The formats that are accepted everywhere."""

EXTRA = tuple(each.name for each in FORMATS if each.opt_in)
"""The names of the others, valid in the setting `extra_formats`."""

CONTENT_TYPES = {each.name: each.content_type for each in FORMATS}
"""The media types of accepted formats, by name."""

OUTPUTS = {each.name: each for each in FORMATS if isinstance(each, Output)}
"""The formats of thumbnails, by name."""

THUMBNAIL_TYPES = {each.content_type: each for each in OUTPUTS.values()}
"""The formats of thumbnails, by media type."""

AUTO = "auto"
"""Requests an automatic choice of format; see `encode.choose_format`."""

NEGOTIATE = "negotiate"
"""Requests a thumbnail in each of the formats of `NEGOTIATED`; `Accept` chooses between them."""

NEGOTIATED = (AVIF.name, WEBP.name, JPEG.name)
"""The formats of a negotiated thumbnail, the best first; every client can show the last."""

FORMAT_OPTIONS = (AUTO, *OUTPUTS, NEGOTIATE)
"""Valid values of a thumbnail's format."""


BEYOND = (struct.error, IndexError)
"""What readers raise for a file that ends too early."""


def listed(words: Sequence[str]) -> str:
    """Return "a, b or c"."""
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


ACCEPTED = listed([each.title for each in USUAL])


def accepted(extra: Collection[str]) -> list[Format]:
    """Return the usual formats, and those of these names."""
    return [each for each in FORMATS if not each.opt_in or each.name in extra]


def sniff(data: bytes, extra: Collection[str] = ()) -> Format:
    """Detect the format of a picture from its first bytes.

    Args:
        data: the file.
        extra: names of formats to accept in addition to the usual ones.

    Raises:
        UnsupportedFormat: the format is known, but not accepted.
        NotAPicture: the format is not recognised.
    """
    format: Format
    for format in FORMATS:
        if format.begins(data):
            break
    else:
        refused = name_of_refused(data)
        if not refused:
            raise NotAPicture(f"Unrecognised file format: expected {ACCEPTED}.")
        raise UnsupportedFormat(f"{refused} files are not accepted: expected {ACCEPTED}.")
    if format.opt_in and format.name not in extra:
        raise UnsupportedFormat(
            f"{format.title} files are not accepted by this service: expected {ACCEPTED}."
        )
    return format


def read_header(format: Format, data: bytes) -> Header:
    """Read the header of a file, without decoding or calling a library.

    Raises:
        UnsupportedFormat: no decoder supports this variant of the format.
        Corrupt: the header is invalid, truncated, or has too many parts.
    """
    try:
        header = format.read(data)
    except BEYOND as error:
        raise Corrupt(f"The header of the {format.title} picture is truncated.") from error
    if min(header.width, header.height) < 1:
        raise Corrupt(
            f"The {format.title} picture has {header.width} x {header.height} pixels: "
            "expected at least one."
        )
    return header
