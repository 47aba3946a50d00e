"""Reads TIFFs without unneeded tags, and corrects pixels that Pillow misreads."""

from collections.abc import Iterator
from math import isfinite
from typing import cast

from PIL import Image, ImageMath
from PIL.TiffImagePlugin import TiffImageFile

from quickthumb.imaging.formats.exif import ORIENTATION_TAG, ORIENTATIONS
from quickthumb.imaging.modes import BITS, WHITE_IS_ZERO

_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262

_LARGEST = 3.4e38
"""About the largest 32-bit float."""

_BAND_PIXELS = 1_000_000


class LeanTiff(TiffImageFile):
    """The first page of a TIFF, without reading its EXIF and GPS tags."""

    def getexif(self) -> Image.Exif:
        """Return only the orientation, which Pillow applies after decoding."""
        value = self.tag_v2.get(ORIENTATION_TAG)
        exif = Image.Exif()
        # `formats.tiff` accepts any type of number here to tell the size, so this must too.
        exif[ORIENTATION_TAG] = int(value) if value and value in ORIENTATIONS else 1
        return exif

    def _open(self) -> None:
        super()._open()
        # Pillow only handles both for 8 bits.
        self.info[BITS] = self.tag_v2.get(_BITS_PER_SAMPLE, (1,))[0]
        self.info[WHITE_IS_ZERO] = self.tag_v2.get(_PHOTOMETRIC, 0) == 0
        layouts = [cast("tuple[str, ...]", each.args) for each in self.tile]
        if layouts[0][0] == "I;32N":  # unsigned: the upper half would become negative
            self._mode = "F"
            self.tile = [
                each._replace(args=("F;32N", *layout[1:]))
                for each, layout in zip(self.tile, layouts, strict=True)
            ]

    def load_end(self) -> None:
        """Finish decoding."""
        if self.mode == "F":
            _make_finite(self)
        super().load_end()


def _make_finite(image: Image.Image) -> None:
    """Replace infinities and NaN by the lowest finite value."""
    if all(map(isfinite, _extrema(image))):
        return
    lowest = _LARGEST
    for box, nowhere in _not_finite(image):
        band = image.crop(box)
        band.paste(_LARGEST, mask=nowhere)
        lowest = min(lowest, _extrema(band)[0])
    for box, nowhere in _not_finite(image):
        image.paste(lowest, box, nowhere)


def _extrema(image: Image.Image) -> tuple[float, float]:
    return cast("tuple[float, float]", image.getextrema())  # of one channel


def _not_finite(image: Image.Image) -> Iterator[tuple[tuple[int, int, int, int], Image.Image]]:
    """Yield boxes of rows, each with a mask of its values that are not finite."""
    rows = max(1, _BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        box = (0, top, image.width, min(image.height, top + rows))
        # x - x is 0 only for a finite x.
        wrong = ImageMath.lambda_eval(lambda of: (of["it"] - of["it"]) != 0, it=image.crop(box))
        yield box, wrong.point(lambda value: value * 255).convert("L")
