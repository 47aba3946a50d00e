"""Draws SVG with librsvg, through libvips."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from PIL import Image, ImageFile

from quickthumb.imaging.engines import vips
from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.formats.drawing import described
from quickthumb.imaging.geometry import Size
from quickthumb.problems import Corrupt

_LOADER = "VipsForeignLoadSvg"


class SvgFile(ImageFile.ImageFile):
    """An SVG of the size that librsvg tells."""

    format = "SVG"

    def _open(self) -> None:
        assert self.fp is not None  # noqa: S101  # it is open
        with _drawing():
            drawing = _library().Image.svgload_buffer(self.fp.read())
        self._size = described(drawing.width, drawing.height)
        self._mode = "RGBA"
        self.tile = []


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
