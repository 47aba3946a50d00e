"""All sizes of one picture, decoded as seldom and held as little as can be."""

from collections.abc import Sequence
from math import prod

from PIL import Image

from quickthumb.imaging.engines.pillow import PillowEngine
from quickthumb.imaging.engines.seam import Encoded, Engine
from quickthumb.imaging.geometry import Size

CASCADE_RESERVE = 1.25
"""Reducing a picture that was reduced before loses nothing visible (49 dB) from this ratio on."""


def engine_for(encoded: Encoded, size: Size) -> Engine:
    """Choose the faster engine for reducing a picture to `size` pixels, and from there on."""
    pillow = PillowEngine()
    if not (encoded.format.vips and encoded.format.vips.is_faster(encoded, size)):
        return pillow
    from quickthumb.imaging.engines.vips import VipsEngine, is_there

    return VipsEngine(pillow) if is_there() else pillow


class Reducer:
    """Reduces a picture to several sizes, each to be asked for once, in an `order` of its own.

    Sizes that are too near to the largest are decoded each by itself, and before anything is held.
    Then comes the largest, from which all others are made; from one of these, where the next can
    be. So never more than one picture is held from one size to the next.

    Attributes:
        order: the sizes, in the order in which they are to be asked for.
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
        """Return the picture at exactly `size` pixels, as it lies in the file.

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
