"""Applies the EXIF orientation, last, since turning a small picture is cheap."""

from PIL import Image

_TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turn and mirror a picture according to its EXIF orientation, 1 to 8."""
    method = _TO_UPRIGHT.get(orientation)
    return image if method is None else image.transpose(method)
