"""Reads JPEG 2000, reduced while it is decoded."""

from typing import cast

from PIL import Image
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.formats.jpeg2000 import codestream, reduction, tiles_there
from quickthumb.imaging.geometry import Size
from quickthumb.imaging.modes import averageable, premultiplied, unmultiplied
from quickthumb.imaging.resample import LANCZOS, shrunk
from quickthumb.imaging.salvage import USABLE_SHARE
from quickthumb.problems import Corrupt


def decode(encoded: Encoded, size: Size) -> Image.Image:
    """Decode as many of the resolutions in the file as needed, and reduce."""
    _check_tiles(encoded)
    image = cast(Jpeg2KImageFile, encoded.open())
    full = image.size
    halvings = reduction(encoded, size)
    if not halvings:
        image.load()
        return shrunk(image, size)
    _halve(image, halvings)
    image.load()
    pixels = premultiplied(averageable(image)(image))
    return unmultiplied(pixels.resize(size, LANCZOS, box=_place(full, image.size, halvings)))


def _check_tiles(encoded: Encoded) -> None:
    """Check that enough of the picture is there; the decoder does not tell that tiles are missing.

    Raises:
        Corrupt: too few tiles are there.
    """
    there, tiles = tiles_there(encoded.data), codestream(encoded.data).tiles
    if there < USABLE_SHARE * tiles:
        fault = "damaged" if encoded.is_whole() else "truncated"
        raise Corrupt(
            f"The JPEG 2000 picture is {fault}: only {there:,} of {tiles:,} tiles are there."
        )


def _place(full: Size, halved: Size, halvings: int) -> tuple[float, float, float, float]:
    """Return the box of a halved picture that covers the full one.

    Each halving keeps the pixels of even columns and rows in their place, and does not move them to
    the middle between two.
    """
    scale = 1 << halvings
    start = 0.5 - 0.5 / scale
    right, bottom = (
        min(float(most), start + side / scale) for side, most in zip(full, halved, strict=True)
    )
    return start, start, right, bottom


def _halve(image: Jpeg2KImageFile, halvings: int) -> None:
    """Have a picture decoded at a lower resolution.

    Pillow's own attribute for this, `reduce`, rounds sizes to the nearest, but the codestream
    rounds them up (ITU-T T.800, B.5), so that Pillow cannot decode many sizes.
    """
    width, height = (-(-side >> halvings) for side in image.size)
    [tile] = image.tile
    codec, _, layers, *place = cast("tuple[object, ...]", tile.args)
    image._size = (width, height)
    image.tile = [
        tile._replace(extents=(0, 0, width, height), args=(codec, halvings, layers, *place))
    ]
