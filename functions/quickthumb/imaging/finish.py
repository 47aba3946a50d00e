"""From a reduced picture as it lies in the file to one that can be encoded."""

from PIL import Image, ImageFile

from quickthumb.documents.rendition import Gravity
from quickthumb.imaging.colour import to_srgb
from quickthumb.imaging.crop import Window, window
from quickthumb.imaging.geometry import Plan, turned
from quickthumb.imaging.orient import upright
from quickthumb.imaging.parsing import hostile_bytes


class Finish:
    """Colours, orientation and crop of one thumbnail; all its frames are cut alike."""

    def __init__(
        self, header: ImageFile.ImageFile, orientation: int, plan: Plan, gravity: Gravity
    ) -> None:
        self._header = header
        self._orientation = orientation
        self._plan = plan
        self._gravity = gravity
        self._window: Window | None = None

    @property
    def reduced(self) -> tuple[int, int]:
        """The size of what it takes: the whole picture, reduced, as it lies in the file."""
        return turned(self._plan.reduced, self._orientation)

    def __call__(self, reduced: Image.Image) -> Image.Image:
        """Return the thumbnail in mode L, LA, RGB or RGBA, upright and in sRGB.

        Raises:
            Corrupt: the colours of the file make no sense.
        """
        with hostile_bytes("The colour information of the picture"):
            coloured = to_srgb(reduced, self._header)
        image = upright(coloured, self._orientation)
        if image.size == self._plan.final:
            return image
        if self._window is None:
            self._window = window(image, self._plan.final, self._gravity)
        return image.crop(self._window)
