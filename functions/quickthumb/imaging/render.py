"""The recipe: from the bytes of a picture to its thumbnails."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageOps

from quickthumb.errors import Corrupt
from quickthumb.imaging.limits import Limits
from quickthumb.imaging.source import Source, describe, open_picture
from quickthumb.jobs import Rendition


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded thumbnail.

    Attributes:
        name: the rendition it answers.
        content_type: of `data`.
        extension: for a file name, without the dot.
        width: pixels.
        height: pixels.
        data: the encoded bytes.
    """

    name: str
    content_type: str
    extension: str
    width: int
    height: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Rendered:
    """All thumbnails of one picture, in the order of the renditions."""

    source: Source
    thumbnails: tuple[Picture, ...]


def render(data: bytes, renditions: Sequence[Rendition], limits: Limits) -> Rendered:
    """Make every rendition of a picture.

    Raises:
        NotAPicture, TooManyPixels, Corrupt: see `probe`; `Corrupt` also when the pixels cannot be
            decoded.
    """
    source = describe(open_picture(data, limits))
    try:
        thumbnails = tuple(_one(open_picture(data, limits), rendition) for rendition in renditions)
    except (OSError, SyntaxError, ValueError) as error:
        raise Corrupt(f"The picture cannot be decoded: {error}.") from error
    return Rendered(source, thumbnails)


def _one(image: Image.Image, rendition: Rendition) -> Picture:
    image.thumbnail((rendition.width, rendition.height), Image.Resampling.LANCZOS)
    upright = ImageOps.exif_transpose(image).convert("RGB")
    out = io.BytesIO()
    upright.save(out, "JPEG", quality=rendition.quality or 80)
    return Picture(rendition.name, "image/jpeg", "jpg", *upright.size, out.getvalue())
