"""What the bytes are, read from their header alone."""

from quickthumb.imaging.formats import read_header, sniff
from quickthumb.imaging.formats.descriptor import Format, Header
from quickthumb.imaging.geometry import Size, turned
from quickthumb.imaging.parsing import hostile_bytes
from quickthumb.limits import Limits
from quickthumb.pictures import Source
from quickthumb.problems import TooManyPixels


def probe(data: bytes, limits: Limits) -> Source:
    """Read the header of a picture and hold it against the limits; no library is called.

    What only a decoder can tell is not told here: it may still refuse the picture.

    Raises:
        NotAPicture: the format is not accepted (`UnsupportedFormat` where it has a name).
        TooManyPixels: the header declares more than the limits allow.
        Corrupt: the header makes no sense.
    """
    format, header = examine(data, limits)
    return describe(format, header, (header.width, header.height))


def examine(data: bytes, limits: Limits) -> tuple[Format, Header]:
    """Return what a picture is and what its header declares; raises what `probe` raises."""
    format = sniff(data)
    with hostile_bytes(f"The header of the {format.title} picture"):
        header = read_header(format, data)
    check_size(header.decoded, limits)
    check_size((header.width, header.height), limits)
    if header.scans > limits.max_scans:
        raise TooManyPixels(
            f"The {format.title} picture has {header.scans} scans: "
            f"at most {limits.max_scans} are accepted."
        )
    return format, header


def describe(format: Format, header: Header, size: Size) -> Source:
    """Return what is told of a picture that its decoder returns with so many pixels."""
    width, height = turned(size, turns(format, header))
    return Source(format.content_type, width, height, header.orientation)


def turns(format: Format, header: Header) -> int:
    """Return the EXIF orientation that is still to be applied once the picture is decoded."""
    return 1 if format.decoder_turns else header.orientation


def check_size(size: Size, limits: Limits) -> None:
    """Hold width and height in pixels against the limits; raises `TooManyPixels`."""
    width, height = size
    if max(size) > limits.max_side:
        raise TooManyPixels(
            f"The picture has {width} x {height} pixels: "
            f"at most {limits.max_side:,} are accepted on a side."
        )
    if width * height > limits.max_pixels:
        raise TooManyPixels(
            f"The picture has {width} x {height} = {width * height:,} pixels: "
            f"at most {limits.max_pixels:,} are accepted."
        )
