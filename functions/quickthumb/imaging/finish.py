"""Turns a reduced picture into a thumbnail that can be encoded."""

from PIL import Image

from quickthumb.documents.rendition import MAX_SIZE, Rendition
from quickthumb.imaging.crop import Window, window
from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.geometry import Size, enlarged, plan, turned
from quickthumb.imaging.orient import upright
from quickthumb.imaging.parsing import hostile_bytes


class Finish:
    """Applies colour conversion, orientation and crop; all frames get the same crop.

    Attributes:
        rendition: what is asked for.
        reduced: required size of its input, the whole picture in stored orientation, pixels.
        final: size of the thumbnail, pixels.
    """

    def __init__(self, encoded: Encoded, rendition: Rendition) -> None:
        self.rendition = rendition
        source, box = encoded.source, (rendition.width, rendition.height)
        size = (source.width, source.height)
        if encoded.format.vector:
            size = enlarged(size, MAX_SIZE)
        planned = plan(size, box, rendition.fit)
        self.reduced: Size = turned(planned.reduced, encoded.turns)
        self.final = planned.final
        self._to_srgb = encoded.to_srgb
        self._orientation = encoded.turns
        self._window: Window | None = None

    def __call__(self, reduced: Image.Image) -> Image.Image:
        """Return the thumbnail in mode L, LA, RGB or RGBA, upright and in sRGB.

        Raises:
            Corrupt: the colour information of the file is invalid.
        """
        with hostile_bytes("The colour information of the picture"):
            coloured = self._to_srgb(reduced)
        image = upright(coloured, self._orientation)
        if image.size == self.final:
            return image
        if self._window is None:
            rendition = self.rendition
            self._window = window(image, self.final, rendition.gravity, rendition.focus)
        return image.crop(self._window)
