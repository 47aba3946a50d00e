"""Reduces a picture to all its sizes with few decodes and little memory."""

from collections.abc import Sequence
from math import prod

from PIL import Image

from quickthumb.imaging.engines.pillow import PillowEngine
from quickthumb.imaging.engines.seam import Encoded, Engine
from quickthumb.imaging.geometry import Size

CASCADE_RESERVE = 1.25
"""From this ratio on, reducing an already reduced picture loses nothing visible (49 dB)."""


def engine_for(encoded: Encoded, size: Size) -> Engine:
    """Choose the faster engine for reducing a picture to `size` pixels, and further."""
    pillow = PillowEngine()
    if not (encoded.format.vips and encoded.format.vips.is_faster(encoded, size)):
        return pillow
    from quickthumb.imaging.engines.vips import VipsEngine, is_there

    return VipsEngine(pillow) if is_there() else pillow


class Reducer:
    """Reduces a picture to several sizes, to be requested once each, in `order`.

    Sizes too near to the largest come first, and are decoded separately, while nothing is held.
    Then comes the largest. Each of the others is made from the one before it, or from the largest
    if that one is too near. So at most one picture is held between two sizes.

    Attributes:
        order: the sizes, in the order in which to request them.
    """

    def __init__(self, encoded: Encoded, sizes: Sequence[Size]) -> None:
        self._encoded = encoded
        largest, *others = sorted(set(sizes), key=prod, reverse=True)
        self._engine = engine_for(encoded, largest)
        near = [size for size in others if not _can_become(largest, size)]
        far = [size for size in others if _can_become(largest, size)]
        self.order = (*near, largest, *far)
        self._next = dict(zip((largest, *far), far, strict=False))
        self._source: Image.Image | None = None

    def to(self, size: Size) -> Image.Image:
        """Return the picture at exactly `size` pixels, in stored orientation.

        Raises:
            Corrupt: it cannot be decoded.
        """
        if self._source is None:
            reduced = self._engine.decode(self._encoded, size)
        else:
            reduced = self._engine.shrink(self._source, size)
        following = self._next.get(size)
        if following is None:
            self._source = None
        elif self._source is None or _can_become(size, following):
            self._source = reduced
        return reduced


def _can_become(size: Size, smaller: Size) -> bool:
    return min(size[0] / smaller[0], size[1] / smaller[1]) >= CASCADE_RESERVE
