"""Reads an image of an icon, and its transparency as browsers do."""

from typing import cast

from PIL import Image, ImageChops, ImageFile
from PIL.BmpImagePlugin import DibImageFile

from quickthumb.imaging.decoders.png import PlainPng
from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.formats.ico import PNG_MAGIC
from quickthumb.imaging.geometry import Size
from quickthumb.imaging.guarded import GuardedFile
from quickthumb.imaging.resample import shrunk
from quickthumb.imaging.salvage import load_what_is_there


class IconBitmap(DibImageFile):
    """The bitmap of an icon: its lower half is a mask, and its fourth byte is alpha."""

    def _open(self) -> None:
        super()._open()
        width, height = self.size[0], self.size[1] // 2
        self._size = (width, height)
        [tile] = self.tile
        layout, stride, direction = cast("tuple[str, int, int]", tile.args)
        if layout == "BGRX":
            self._mode, layout = "RGBA", "BGRA"
        self.tile = [tile._replace(extents=(0, 0, width, height), args=(layout, stride, direction))]
        self.mask_at = tile.offset + stride * height


def open_image(file: GuardedFile) -> ImageFile.ImageFile:
    """Open what `formats.ico.best_image` returns."""
    return PlainPng(file) if file.getvalue().startswith(PNG_MAGIC) else IconBitmap(file)


def decode(encoded: Encoded, size: Size) -> Image.Image:
    """Decode and reduce, with transparency."""
    image = encoded.open()
    load_what_is_there(image, row_by_row=encoded.format.row_by_row, is_whole=encoded.is_whole)
    if not isinstance(image, IconBitmap):
        return shrunk(image, size)
    if image.mode == "RGBA" and image.getchannel("A").getextrema() != (0, 0):
        return shrunk(image, size)
    mask = _mask(encoded.data, image.size, image.mask_at)
    masked = image.convert("RGBA")
    masked.putalpha(mask or 255)
    return shrunk(masked, size)


def _mask(data: bytes, size: Size, at: int) -> Image.Image | None:
    """Return the opacity of each pixel, None if the file ends before the mask."""
    stride = -(-size[0] // 32) * 4
    stored = data[at : at + stride * size[1]]
    if len(stored) < stride * size[1]:
        return None
    mask = Image.frombuffer("1", size, stored, "raw", "1", stride, -1)
    return ImageChops.invert(mask.convert("L"))
