"""The placeholder that a page shows until the thumbnail has loaded."""

import base64

from PIL import Image

from quickthumb.documents.manifest import Placeholder
from quickthumb.imaging.alpha import is_transparent
from quickthumb.imaging.encode import encode
from quickthumb.imaging.formats.webp import WEBP
from quickthumb.imaging.geometry import plan

_SIDE = 16
_QUALITY = 40
_COLOURS = 16
_COLOUR_SIDE = 64
_SEEN = 128


def placeholder(image: Image.Image) -> Placeholder:
    """Return a picture of at most 16 pixels a side, and the dominant colour, of a thumbnail."""
    small = _within(image, _COLOUR_SIDE)
    tiny = _within(small, _SIDE)
    data = encode(tiny, WEBP, _QUALITY)  # half the size of a JPEG, whose tables take 600 bytes
    uri = f"data:{WEBP.content_type};base64," + base64.b64encode(data).decode("ascii")
    return Placeholder(uri, _dominant(small))


def _within(image: Image.Image, side: int) -> Image.Image:
    return image.resize(plan(image.size, (side, side), "contain").final, Image.Resampling.BOX)


def _dominant(small: Image.Image) -> str:
    """Return the most frequent colour of the visible pixels, after quantization: "#rrggbb"."""
    rgb = small.convert("RGB")
    if is_transparent(small):
        rgb = _seen_pixels(rgb, small.getchannel("A"))
    palette = rgb.quantize(_COLOURS, Image.Quantize.FASTOCTREE)  # ten times as fast as median cut
    pixels = palette.histogram()
    index = pixels.index(max(pixels))
    red, green, blue = (palette.getpalette() or [])[3 * index : 3 * index + 3]
    return f"#{red:02x}{green:02x}{blue:02x}"


def _seen_pixels(rgb: Image.Image, alpha: Image.Image) -> Image.Image:
    colours, opacities = rgb.tobytes(), alpha.tobytes()
    seen = b"".join(
        colours[3 * at : 3 * at + 3] for at, opacity in enumerate(opacities) if opacity >= _SEEN
    )
    return Image.frombytes("RGB", (len(seen) // 3, 1), seen) if seen else rgb
