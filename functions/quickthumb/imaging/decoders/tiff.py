"""TIFFs, of which Pillow unpacks no more than it needs, and that look as they are meant to."""

from collections.abc import Iterator
from math import isfinite
from typing import cast

from PIL import Image, ImageMath
from PIL.TiffImagePlugin import TiffImageFile

from quickthumb.imaging.formats.exif import ORIENTATION_TAG, ORIENTATIONS
from quickthumb.imaging.modes import BITS, WHITE_IS_ZERO

_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262

_LARGEST = 3.4e38
"""About the largest number that 32 bits hold."""

_BAND_PIXELS = 1_000_000


class LeanTiff(TiffImageFile):
    """The first page of a TIFF, whose EXIF and GPS, that no pixel depends on, are not read."""

    def getexif(self) -> Image.Exif:
        """Return what Pillow turns the picture by, once it has decoded it, and nothing else."""
        value = self.tag_v2.get(ORIENTATION_TAG)
        exif = Image.Exif()
        # By whatever kind of number is equal to one of these, it has told the size.
        exif[ORIENTATION_TAG] = int(value) if value and value in ORIENTATIONS else 1
        return exif

    def _open(self) -> None:
        super()._open()
        # Pillow knows both of 8 bits only.
        self.info[BITS] = self.tag_v2.get(_BITS_PER_SAMPLE, (1,))[0]
        self.info[WHITE_IS_ZERO] = self.tag_v2.get(_PHOTOMETRIC, 0) == 0
        layouts = [cast("tuple[str, ...]", each.args) for each in self.tile]
        if layouts[0][0] == "I;32N":  # unsigned, of which the upper half would be negative
            self._mode = "F"
            self.tile = [
                each._replace(args=("F;32N", *layout[1:]))
                for each, layout in zip(self.tile, layouts, strict=True)
            ]

    def load_end(self) -> None:
        """Do what there is to be done once the picture is decoded."""
        if self.mode == "F":
            _make_finite(self)
        super().load_end()


def _make_finite(image: Image.Image) -> None:
    """Replace infinities and what is not a number by the lowest of the others."""
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
    """Yield bands of rows, and a mask of each that tells where its numbers are not finite."""
    rows = max(1, _BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        box = (0, top, image.width, min(image.height, top + rows))
        # Only a finite number less itself is nothing.
        wrong = ImageMath.lambda_eval(lambda of: (of["it"] - of["it"]) != 0, it=image.crop(box))
        yield box, wrong.point(lambda value: value * 255).convert("L")
