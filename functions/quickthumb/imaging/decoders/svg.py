"""Draws SVG with librsvg, through libvips."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from PIL import Image, ImageFile

from quickthumb.imaging.engines import vips
from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.formats.drawing import described
from quickthumb.imaging.formats.svg import read
from quickthumb.imaging.geometry import Size
from quickthumb.problems import Corrupt

_LOADER = "VipsForeignLoadSvg"


class SvgFile(ImageFile.ImageFile):
    """An SVG of the size that it states, or else of the one that librsvg finds."""

    format = "SVG"

    def _open(self) -> None:
        assert self.fp is not None  # noqa: S101  # it is open
        data = self.fp.read()
        with _drawing():
            drawing = _library().Image.svgload_buffer(data)
        self._size = _size(data, described(drawing.width, drawing.height))
        self._mode = "RGBA"
        self.tile = []


def _size(data: bytes, found: Size) -> Size:
    """Return the stated size if it has the shape that librsvg finds.

    The unit of libvips is a pixel or a point, whatever an SVG has.
    """
    header = read(data)
    stated = (header.width, header.height)
    rounding = (sum(stated) + sum(found)) / 2
    same_shape = abs(stated[0] * found[1] - stated[1] * found[0]) <= rounding
    return stated if same_shape else found


def decode(encoded: Encoded, size: Size) -> Image.Image:
    """Draw it in a size."""
    with _drawing():
        load = _library().Image.svgload_buffer
        natural = load(encoded.data)
        scale = max(size[0] / natural.width, size[1] / natural.height)
        drawing = load(encoded.data, scale=scale)
        drawn = (drawing.width, drawing.height)
        pixels = drawing.write_to_memory()
    image = Image.frombytes("RGBA", drawn, pixels)
    # It is larger by at most a rounding.
    return image if drawn == size else image.resize(size, Image.Resampling.BILINEAR)


@cache
def _library() -> Any:
    """Return libvips with this one of its untrusted loaders allowed."""
    library = vips.library()
    library.operation_block_set(_LOADER, False)
    return library


@contextmanager
def _drawing() -> Iterator[None]:
    """Translate the errors of libvips; raises `Corrupt`."""
    error = vips.library().Error
    try:
        yield
    except error as problem:
        raise Corrupt(
            "The SVG picture cannot be drawn: it is invalid, or refers to itself too often."
        ) from problem
