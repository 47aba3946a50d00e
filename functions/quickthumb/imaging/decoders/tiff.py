"""Reads TIFFs without unneeded tags, and corrects pixels that Pillow misreads."""

from collections.abc import Iterator
from math import isfinite
from typing import cast

from PIL import Image, ImageMath, ImagePalette
from PIL.TiffImagePlugin import TiffImageFile

from quickthumb.imaging.decoders.wide_tiff import decode_wide
from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.formats.exif import ORIENTATION_TAG, ORIENTATIONS
from quickthumb.imaging.formats.tiff import left_to_vips
from quickthumb.imaging.geometry import Size
from quickthumb.imaging.modes import BITS, WHITE_IS_ZERO
from quickthumb.imaging.resample import shrunk

_BITS_PER_SAMPLE, _PHOTOMETRIC, _COLOUR_MAP, _PROFILE = 258, 262, 320, 34675

_LARGEST = 3.4e38
"""About the largest 32-bit float."""

_BAND_PIXELS = 1_000_000


def decode(encoded: Encoded, size: Size) -> Image.Image:
    """Decode the first page and reduce it."""
    planes = left_to_vips(encoded.data)
    if planes:
        return decode_wide(encoded, size, planes)
    image = encoded.open()
    image.load()
    return shrunk(image, size)


class LeanTiff(TiffImageFile):
    """The first page of a TIFF, without reading its EXIF and GPS tags."""

    def getexif(self) -> Image.Exif:
        """Return only the orientation, which Pillow applies after decoding."""
        value = self.tag_v2.get(ORIENTATION_TAG)
        exif = Image.Exif()
        # `formats.tiff` accepts any type of number here to tell the size, so this must too.
        exif[ORIENTATION_TAG] = int(value) if value and value in ORIENTATIONS else 1
        return exif

    def _setup(self) -> None:
        try:
            super()._setup()
        except SyntaxError:  # Pillow does not know the layout; if libvips does, `decode` asks it
            self._mode = "RGB"
            self.tile = []
            if profile := self.tag_v2.get(_PROFILE):
                self.info["icc_profile"] = profile

    def _open(self) -> None:
        super()._open()
        if not self.tile:
            return
        self._use_colours_of_eight_bits()
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

    def _use_colours_of_eight_bits(self) -> None:
        """Take the colours of a palette as they are if none has more than 8 bits.

        Old writers stored them in 8 of the 16 bits; libtiff looks for that, too.
        """
        colours = self.tag_v2.get(_COLOUR_MAP, ())
        if self.mode in ("P", "PA") and max(colours, default=256) < 256:
            self.palette = ImagePalette.raw("RGB;L", bytes(colours))

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
