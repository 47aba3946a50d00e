"""Transparency: detected, dropped or flattened."""

from PIL import Image

WHITE = "#ffffff"


def is_transparent(image: Image.Image) -> bool:
    """Return whether any pixel is not fully opaque."""
    if image.mode not in ("LA", "RGBA"):
        return False
    lowest, _ = image.getchannel("A").getextrema()
    return bool(lowest != 255)


def opaque(image: Image.Image) -> Image.Image:
    """Return the picture without its alpha channel, ignoring it."""
    mode = {"LA": "L", "RGBA": "RGB"}.get(image.mode)
    return image.convert(mode) if mode else image


def flatten(image: Image.Image, background: str) -> Image.Image:
    """Composite the picture onto a solid background.

    Args:
        image: in mode L, LA, RGB or RGBA.
        background: "#rrggbb".
    """
    if not is_transparent(image):
        return opaque(image)
    ground = Image.new("RGB", image.size, background)
    ground.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return ground
