"""Pictures for tests: the samples, and small generated ones."""

import io
from pathlib import Path

from PIL import Image

SAMPLES = Path(__file__).parent / "fixtures" / "samples"
ROCKET = SAMPLES / "rocket.jpg"


def picture(width: int = 64, height: int = 48, format: str = "JPEG", **options: object) -> bytes:
    """Return an encoded gradient, whose corners differ."""
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def sideways(width: int, height: int) -> bytes:
    """Return a JPEG that a viewer turns by 90 degrees (EXIF orientation 6)."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return picture(width, height, exif=exif)


def size_of(data: bytes) -> tuple[int, int]:
    """Return width and height of an encoded picture, pixels."""
    with Image.open(io.BytesIO(data)) as image:
        return image.size
