"""EXIF orientation, applied last: turning a small picture costs nothing."""

from PIL import Image, ImageFile

_ORIENTATION_TAG = 0x0112
"""EXIF 2.32, 4.6.4: https://www.cipa.jp/std/documents/e/DC-X008-Translation-2019-E.pdf"""

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
    """Turn and mirror a picture as its EXIF orientation (1 to 8) asks for."""
    method = _TO_UPRIGHT.get(orientation)
    return image if method is None else image.transpose(method)


def orientation(image: ImageFile.ImageFile) -> int:
    """Return the EXIF orientation, 1 where there is none or it is nonsense."""
    try:
        # The method of the base class: PNG's own decodes the whole picture to look behind it.
        value = Image.Image.getexif(image).get(_ORIENTATION_TAG, 1)
    except Exception:  # whatever broken metadata runs into, the picture is still a picture
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
