"""All sizes of one picture from one decoding."""

from PIL import Image

from quickthumb.imaging.engines.choice import engine_for
from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.geometry import Size

CASCADE_RESERVE = 1.25
"""Reducing a picture that was reduced before loses nothing visible (49 dB) from this ratio on."""


class Reducer:
    """Reduces a picture to sizes asked for from the largest to the smallest.

    Each is made from the smallest picture made so far that is large enough, and only where there is
    none by decoding. What no later, smaller size can start from is let go.
    """

    def __init__(self, encoded: Encoded, largest: Size) -> None:
        self._encoded = encoded
        self._engine = engine_for(encoded.header, largest)
        self._made: list[Image.Image] = []

    def to(self, size: Size) -> Image.Image:
        """Return the picture at exactly `size` pixels, as it lies in the file.

        Raises:
            Corrupt: it cannot be decoded.
        """
        for index, image in reversed(list(enumerate(self._made))):
            if image.size == size:
                return image
            if min(image.width / size[0], image.height / size[1]) >= CASCADE_RESERVE:
                del self._made[:index]
                reduced = self._engine.shrink(image, size)
                break
        else:
            reduced = self._engine.decode(self._encoded, size)
        self._made.append(reduced)
        return reduced
