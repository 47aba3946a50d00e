"""Reads GIFs without enlarging them."""

from PIL.GifImagePlugin import GifImageFile

from quickthumb.problems import Corrupt


class SteadyGif(GifImageFile):
    """A GIF of fixed size: Pillow enlarges one for any later frame that is larger.

    Such a frame would be decoded at its full size, which was not checked against the limits.
    """

    _opened = False
    _held = (0, 0)

    def _open(self) -> None:
        super()._open()
        self._opened = True

    # The attribute in which Pillow keeps the size of a picture.
    @property
    def _size(self) -> tuple[int, int]:
        return self._held

    @_size.setter
    def _size(self, size: tuple[int, int]) -> None:
        if self._opened and size != self._held:
            raise Corrupt("A frame of the GIF is larger than the picture.")
        self._held = size
