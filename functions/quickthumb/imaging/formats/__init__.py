"""The registry of formats, each described in one file.

Whatever lists formats asks here. To add one, see docs/imaging.md.
"""

import struct
from collections.abc import Sequence

from quickthumb.imaging.formats.avif import AVIF
from quickthumb.imaging.formats.bmp import BMP
from quickthumb.imaging.formats.descriptor import Format, Header, Output
from quickthumb.imaging.formats.gif import GIF
from quickthumb.imaging.formats.heif import HEIF
from quickthumb.imaging.formats.jpeg import JPEG
from quickthumb.imaging.formats.png import PNG
from quickthumb.imaging.formats.refused import name_of_refused
from quickthumb.imaging.formats.tiff import TIFF
from quickthumb.imaging.formats.webp import WEBP
from quickthumb.problems import Corrupt, NotAPicture, UnsupportedFormat

FORMATS = (JPEG, PNG, WEBP, AVIF, HEIF, GIF, TIFF, BMP)

CONTENT_TYPES = {each.name: each.content_type for each in FORMATS}
"""The media types of accepted formats, by their names."""

OUTPUTS = {each.name: each for each in FORMATS if isinstance(each, Output)}
"""The formats of thumbnails, by their names."""

THUMBNAIL_TYPES = {each.content_type: each for each in OUTPUTS.values()}
"""The formats of thumbnails, by their media types."""

AUTO = "auto"
"""The word that leaves the choice of a format to us; see `encode.choose_format`."""

FORMAT_OPTIONS = (AUTO, *OUTPUTS)
"""What a thumbnail's format may be asked for as."""


def listed(words: Sequence[str]) -> str:
    """Return "a, b or c"."""
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


ACCEPTED = listed([each.title for each in FORMATS])


def sniff(data: bytes) -> Format:
    """Return the format of a picture, told from its first bytes alone.

    Raises:
        UnsupportedFormat: it is a known format that is not accepted.
        NotAPicture: the format is not recognised.
    """
    for each in FORMATS:
        if each.begins(data):
            return each
    refused = name_of_refused(data)
    if refused:
        raise UnsupportedFormat(f"{refused} files are not accepted: expected {ACCEPTED}.")
    raise NotAPicture(f"Unrecognised file format: expected {ACCEPTED}.")


def read_header(format: Format, data: bytes) -> Header:
    """Read the header of a file; no pixel is decoded, and no library is called.

    Raises:
        UnsupportedFormat: it is a kind of this format that no decoder reads.
        Corrupt: it makes no sense, is in absurdly many pieces, or ends too early.
    """
    try:
        header = format.read(data)
    except (struct.error, IndexError) as error:
        raise Corrupt(f"The {format.title} picture ends within its header.") from error
    if min(header.width, header.height) < 1:
        raise Corrupt(
            f"The {format.title} picture has {header.width} x {header.height} pixels: "
            "expected at least one."
        )
    return header
