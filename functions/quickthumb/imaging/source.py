"""What the bytes are, read from their header alone."""

import io
import warnings
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from quickthumb.errors import Corrupt, NotAPicture, TooManyPixels
from quickthumb.imaging.limits import Limits

CONTENT_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
    "GIF": "image/gif",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
}
"""Pillow's name of each accepted format, and its media type."""

_ORIENTATION = (
    0x0112  # EXIF tag, https://www.cipa.jp/std/documents/e/DC-X008-Translation-2019-E.pdf
)


@dataclass(frozen=True, slots=True)
class Source:
    """A picture before it is decoded.

    Attributes:
        content_type: as the bytes say, whatever the sender claimed.
        width: pixels, as a viewer shows it (EXIF orientation applied).
        height: pixels, as a viewer shows it.
        orientation: EXIF orientation of the stored picture, 1 to 8.
    """

    content_type: str
    width: int
    height: int
    orientation: int


def probe(data: bytes, limits: Limits) -> Source:
    """Read the header of a picture and hold it against the limits.

    Raises:
        NotAPicture: the format is none of `CONTENT_TYPES`.
        TooManyPixels: the header declares more pixels than `limits.max_pixels`.
        Corrupt: the header makes no sense.
    """
    return describe(open_picture(data, limits))


def open_picture(data: bytes, limits: Limits) -> Image.Image:
    """Open a picture without decoding it; raises what `probe` raises."""
    try:
        with warnings.catch_warnings():
            # Our limit is the stricter one; Pillow's own is a process-wide switch.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=list(CONTENT_TYPES))
    except UnidentifiedImageError as error:
        raise NotAPicture(
            "The file is no picture that is accepted: "
            "expected JPEG, PNG, WebP, AVIF, GIF, TIFF or BMP."
        ) from error
    except Image.DecompressionBombError as error:
        raise TooManyPixels(
            f"The picture has too many pixels: at most {limits.max_pixels:,}."
        ) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise Corrupt(f"The header of the picture makes no sense: {error}.") from error
    width, height = image.size
    if width * height > limits.max_pixels:
        raise TooManyPixels(
            f"The picture has {width} x {height} = {width * height:,} pixels: "
            f"at most {limits.max_pixels:,} are accepted."
        )
    return image


def describe(image: Image.Image) -> Source:
    """Return what the header of an opened picture says."""
    orientation = orientation_of(image)
    width, height = image.size
    if orientation >= 5:
        width, height = height, width
    return Source(CONTENT_TYPES[str(image.format)], width, height, orientation)


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 where there is none or it is nonsense."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except (OSError, SyntaxError, ValueError):
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
