"""Which engine reads a picture: the one that was measured to be faster."""

from importlib.util import find_spec

from quickthumb.imaging.engines.pillow import PillowEngine
from quickthumb.imaging.engines.seam import Encoded, Engine
from quickthumb.imaging.geometry import Size


def engine_for(encoded: Encoded, size: Size) -> Engine:
    """Choose the engine that reduces a picture to `size` pixels, and from there to smaller ones."""
    pillow, by_vips = PillowEngine(), encoded.format.vips
    if not (by_vips and by_vips.is_faster(encoded, size) and find_spec("pyvips")):
        return pillow
    from quickthumb.imaging.engines.vips import VipsEngine, is_there

    return VipsEngine(pillow) if is_there() else pillow
