"""Identifies a picture from its header."""

from quickthumb.imaging.formats import read_header, sniff
from quickthumb.imaging.formats.descriptor import Format, Header
from quickthumb.imaging.geometry import Size, turned
from quickthumb.imaging.parsing import hostile_bytes
from quickthumb.limits import Limits
from quickthumb.pictures import Source
from quickthumb.problems import TooManyPixels


def probe(data: bytes, limits: Limits) -> Source:
    """Read the header of a picture and check it against the limits; no library is called.

    The decoder may still reject the picture.

    Raises:
        NotAPicture: the format is not accepted (`UnsupportedFormat` if it is a known one).
        TooManyPixels: the header declares more than the limits allow.
        Corrupt: the header is invalid.
    """
    format, header = examine(data, limits)
    return describe(format, header, (header.width, header.height))


def examine(data: bytes, limits: Limits) -> tuple[Format, Header]:
    """Return the format of a picture and its header; raises what `probe` raises."""
    format = sniff(data, limits.extra_formats)
    with hostile_bytes(f"The header of the {format.title} picture"):
        header = read_header(format, data)
    check_size(header.decoded, limits)
    check_size((header.width, header.height), limits)
    if header.scans > limits.max_scans:
        raise TooManyPixels(
            f"The {format.title} picture has {header.scans} scans: the limit is {limits.max_scans}."
        )
    return format, header


def describe(format: Format, header: Header, size: Size) -> Source:
    """Describe a picture for the caller.

    Args:
        format: of the picture.
        header: of the picture.
        size: as decoded, pixels.
    """
    width, height = turned(size, turns(format, header))
    return Source(format.content_type, width, height, header.orientation)


def turns(format: Format, header: Header) -> int:
    """Return the EXIF orientation that remains to be applied after decoding."""
    return 1 if format.decoder_turns else header.orientation


def check_size(size: Size, limits: Limits) -> None:
    """Check width and height, in pixels, against the limits; raises `TooManyPixels`."""
    width, height = size
    if max(size) > limits.max_side:
        raise TooManyPixels(
            f"The picture has {width} x {height} pixels: the limit is {limits.max_side:,} per side."
        )
    if width * height > limits.max_pixels:
        raise TooManyPixels(
            f"The picture has {width} x {height} = {width * height:,} pixels: "
            f"the limit is {limits.max_pixels:,}."
        )
