"""What the bytes are, read from their header alone."""

from PIL import ImageFile

from quickthumb.errors import TooManyPixels, UnsupportedFormat
from quickthumb.imaging.formats import CONTENT_TYPES, open_as, sniff
from quickthumb.imaging.geometry import turned
from quickthumb.imaging.guarded import reads
from quickthumb.imaging.jpeg import bits_per_sample, coefficient_bytes, scans
from quickthumb.imaging.orient import orientation
from quickthumb.imaging.parsing import hostile_bytes
from quickthumb.limits import Limits
from quickthumb.pictures import Source


def probe(data: bytes, limits: Limits) -> Source:
    """Read the header of a picture and hold it against the limits; no pixel is decoded.

    Raises:
        NotAPicture: the format is not accepted (`UnsupportedFormat` where it has a name).
        TooManyPixels: the header declares more than the limits allow.
        Corrupt: the header makes no sense.
    """
    return describe(open_picture(data, limits))


def open_picture(data: bytes, limits: Limits) -> ImageFile.ImageFile:
    """Open a picture without decoding it; raises what `probe` raises."""
    name = sniff(data)
    with hostile_bytes(f"The header of the {name} picture"):
        if name == "JPEG":
            _check_bits(data)
        image = open_as(name, data, reads())
        if name == "JPEG":
            _check_scans(data, limits)
        elif name == "WEBP":
            # Two canvases, of which nobody has need before the file is opened once more to decode.
            image._decoder = None  # type: ignore[attr-defined]
    _check_size(image.size, limits)
    return image


def turns(image: ImageFile.ImageFile) -> int:
    """Return the EXIF orientation that is still to be applied once the picture is decoded, 1 to 8.

    Pillow turns a TIFF itself, and reports its size as turned.
    """
    return 1 if image.format == "TIFF" else orientation(image)


def describe(image: ImageFile.ImageFile) -> Source:
    """Return what the header of an opened picture says."""
    width, height = turned(image.size, turns(image))
    return Source(CONTENT_TYPES[str(image.format)], width, height, orientation(image))


def _check_bits(data: bytes) -> None:
    bits = bits_per_sample(data)
    if bits not in (8, None):
        raise UnsupportedFormat(
            f"JPEG pictures with {bits} bits per sample are not accepted: expected 8 bits."
        )


def _check_scans(data: bytes, limits: Limits) -> None:
    # Looking through all of the file costs a tenth of a thumbnail: only where there can be many.
    passes = scans(data) if coefficient_bytes(data) else 1
    if passes > limits.max_scans:
        raise TooManyPixels(
            f"The JPEG picture has {passes} scans: at most {limits.max_scans} are accepted."
        )


def _check_size(size: tuple[int, int], limits: Limits) -> None:
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
