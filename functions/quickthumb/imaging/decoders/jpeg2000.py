"""Reads JPEG 2000, reduced while it is decoded."""

from typing import cast

from PIL import Image
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.formats.jpeg2000 import codestream, reduction
from quickthumb.imaging.geometry import Size
from quickthumb.imaging.resample import shrunk


def decode(encoded: Encoded, size: Size) -> Image.Image:
    """Decode as many of the resolutions in the file as needed, and reduce."""
    image = cast(Jpeg2KImageFile, encoded.open())
    halvings = reduction(codestream(encoded.data), size)
    if halvings:
        _halve(image, halvings)
    image.load()
    return shrunk(image, size)


def _halve(image: Jpeg2KImageFile, halvings: int) -> None:
    """Have a picture decoded at a lower resolution.

    Pillow's own attribute for this, `reduce`, rounds sizes to the nearest, but the codestream rounds
    them up (ITU-T T.800, B.5), so that Pillow fails for three of four sizes.
    """
    width, height = (-(-side >> halvings) for side in image.size)
    [tile] = image.tile
    codec, _, layers, *place = cast("tuple[object, ...]", tile.args)
    image._size = (width, height)
    image.tile = [
        tile._replace(extents=(0, 0, width, height), args=(codec, halvings, layers, *place))
    ]
