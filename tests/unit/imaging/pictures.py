"""Pictures for tests: made here, or of the samples."""

import io
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.formats import EXTRA, FORMATS
from quickthumb.imaging.render import render
from quickthumb.limits import Limits
from quickthumb.pictures import Picture, Rendered
from tests.unit.imaging.camera import CAMERAS
from tests.unit.imaging.drawings import svg_of
from tests.unit.imaging.icons import icon
from tests.unit.imaging.photoshop import psd

SAMPLES = Path(__file__).parents[2] / "fixtures" / "samples"
LIMITS = Limits(extra_formats=EXTRA)
KINDS = [each.name.upper() for each in FORMATS]
"""The accepted formats, by the names that `encoded` takes."""


def photo(width: int, height: int) -> Image.Image:
    """Return a photograph, cut and repeated at its native resolution."""
    out = Image.new("RGB", (width, height))
    with Image.open(SAMPLES / "astronaut.png") as sample:
        tile = sample.convert("RGB")
    for top in range(0, height, tile.height):
        for left in range(0, width, tile.width):
            out.paste(tile, (left, top))
    return out


def quarters(width: int, height: int) -> Image.Image:
    """Return a picture whose four corners tell which way up it is: red, green, blue, white."""
    corners = Image.new("RGB", (2, 2))
    corners.putdata([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)])
    return corners.resize((width, height), Image.Resampling.NEAREST)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return a picture in a format, also in those that Pillow does not write."""
    if kind in _MAKERS:
        return _MAKERS[kind](image, **options)
    out = io.BytesIO()
    if kind == "HEIF":
        heif = pytest.importorskip("pillow_heif")
        heif.from_pillow(image).save(out, **options)
    else:
        if kind == "JXL":
            pytest.importorskip("pillow_jxl")
            options = {"num_threads": 0} | options
        image.save(out, kind, **options)
    return out.getvalue()


_MAKERS: Mapping[str, Callable[..., bytes]] = {
    "ICO": lambda image, **options: icon(encoded(image, "PNG", **options)),
    "PSD": psd,
    "SVG": svg_of,
    **CAMERAS,
}


def opened(picture: Picture | bytes) -> Image.Image:
    image = Image.open(io.BytesIO(picture if isinstance(picture, bytes) else picture.data))
    if isinstance(picture, Picture):
        assert image.size == (picture.width, picture.height)
        assert Image.MIME[str(image.format)] == picture.content_type
    return image


def thumbnail(data: bytes, width: int, height: int | None = None, **options: Any) -> Picture:
    """Return one thumbnail of a picture."""
    rendition = Rendition("it", width, height or width, **options)
    [picture] = render(data, [rendition], LIMITS).thumbnails
    return picture


def rendered(data: bytes, *sizes: int) -> Rendered:
    return render(data, [Rendition.square(size) for size in sizes], LIMITS)


def psnr(one: Image.Image, other: Image.Image) -> float:
    """Return how alike two pictures are, decibels; above 40 nobody sees a difference."""
    assert (one.size, one.mode) == (other.size, other.mode)
    squares = ImageStat.Stat(ImageChops.difference(one, other)).sum2
    mean = sum(squares) / (one.width * one.height * len(one.getbands()))
    return math.inf if mean == 0 else 10 * math.log10(255**2 / mean)


def colour(image: Image.Image, x: float, y: float) -> tuple[int, ...]:
    """Return the colour of a pixel, its place given as shares of width and height."""
    place = (
        min(image.width - 1, int(x * image.width)),
        min(image.height - 1, int(y * image.height)),
    )
    value = image.convert("RGBA" if "A" in image.getbands() else "RGB").getpixel(place)
    assert isinstance(value, tuple)
    return tuple(int(level) for level in value)


def near(one: tuple[int, ...], other: tuple[int, ...], by: int = 12) -> bool:
    return len(one) == len(other) and all(abs(a - b) <= by for a, b in zip(one, other, strict=True))
