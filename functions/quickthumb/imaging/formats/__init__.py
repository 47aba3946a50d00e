"""Which formats are accepted, told from the first bytes alone; each format is one file."""

import struct

from quickthumb.imaging.formats.avif import AVIF
from quickthumb.imaging.formats.bmp import BMP
from quickthumb.imaging.formats.descriptor import Format, Header
from quickthumb.imaging.formats.gif import GIF
from quickthumb.imaging.formats.heif import HEIF
from quickthumb.imaging.formats.jpeg import JPEG
from quickthumb.imaging.formats.png import PNG
from quickthumb.imaging.formats.refused import name_of_refused
from quickthumb.imaging.formats.tiff import TIFF
from quickthumb.imaging.formats.webp import WEBP
from quickthumb.problems import Corrupt, NotAPicture, UnsupportedFormat

__all__ = ["ACCEPTED", "CONTENT_TYPES", "FORMATS", "Format", "Header", "read_header", "sniff"]

FORMATS = (JPEG, PNG, WEBP, AVIF, HEIF, GIF, TIFF, BMP)

CONTENT_TYPES = {each.name: each.content_type for each in FORMATS}
"""Each accepted format by Pillow's name for it, and its media type."""

ACCEPTED = f"{', '.join(each.title for each in FORMATS[:-1])} or {FORMATS[-1].title}"


def sniff(data: bytes) -> Format:
    """Return the format of a picture.

    Raises:
        UnsupportedFormat: it is a known format that is not accepted.
        NotAPicture: it is nothing that is known.
    """
    for each in FORMATS:
        if each.begins(data):
            return each
    refused = name_of_refused(data)
    if refused:
        raise UnsupportedFormat(f"{refused} files are not accepted: expected {ACCEPTED}.")
    raise NotAPicture(f"The file is no picture that is known: expected {ACCEPTED}.")


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
