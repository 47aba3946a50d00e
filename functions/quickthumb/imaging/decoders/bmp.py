"""Reads BMPs with colour masks that Pillow does not know."""

from collections.abc import Iterator

from PIL import Image, ImageFile, ImageMath
from PIL.BmpImagePlugin import BmpImageFile

from quickthumb.imaging.formats.bmp import Masked, masked

_HEADERS = 14 + 124
"""Bytes of the longest headers."""

_NUMBERS = {16: ("I;16", "I;16"), 32: ("I", "I;32")}
"""Modes of Pillow for the numbers, by their bits; the latter as they are stored."""

_BAND_PIXELS = 1_000_000


class MaskedBmp(BmpImageFile):
    """A BMP whose pixels may be numbers of which any bits are a channel."""

    _masked: Masked | None = None

    def _open(self) -> None:
        assert self.fp is not None  # noqa: S101  # it is open
        self._masked = masked(self.fp.read(_HEADERS))
        if self._masked is None:
            self.fp.seek(0)
            super()._open()
            return
        bits = self._masked.bits
        self._size = self._masked.size
        self._mode, stored = _NUMBERS[bits]
        layout = (stored, self._masked.stride, 1 if self._masked.top_down else -1)
        self.tile = [ImageFile._Tile("raw", (0, 0, *self._size), self._masked.start, layout)]

    def load_end(self) -> None:
        """Turn numbers into colours."""
        if self._masked:
            coloured = _coloured(self, self._masked)
            self._im, self._mode = coloured.im, coloured.mode
        super().load_end()


def _coloured(image: Image.Image, how: Masked) -> Image.Image:
    """Return the colours; an alpha channel of nothing but zeros does not count, as in browsers."""
    out = Image.new("RGBA" if how.masks[3] else "RGB", image.size)
    for top, band in _bands(image):
        channels = [_channel(band, mask) for mask in how.masks[: len(out.getbands())]]
        out.paste(Image.merge(out.mode, channels), (0, top))
    if out.mode == "RGBA" and out.getchannel("A").getextrema() == (0, 0):
        return out.convert("RGB")
    return out


def _bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    rows = max(1, _BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        box = (0, top, image.width, min(image.height, top + rows))
        yield top, image.crop(box).convert("I")


def _channel(numbers: Image.Image, mask: int) -> Image.Image:
    """Return one channel in 8 bits."""
    if not mask:
        return Image.new("L", numbers.size)
    shift = (mask & -mask).bit_length() - 1
    most = mask >> shift
    spare = max(0, most.bit_length() - 8)
    most >>= spare
    level: Image.Image = ImageMath.lambda_eval(
        lambda of: ((of["it"] >> (shift + spare) & most) * 255 + most // 2) / most, it=numbers
    )
    return level.convert("L")
