"""Icons and cursors, put together from their images."""

import io
import struct
from collections.abc import Sequence

from PIL import Image


def icon(*images: bytes, kind: int = 1, stated: Sequence[tuple[int, int]] = ()) -> bytes:
    """Return an ICO (kind 1) or a CUR (2) of images.

    Args:
        images: PNGs, or what `bitmap` returns.
        stated: their sizes in the list of images, which need not be right.
    """
    at = 6 + 16 * len(images)
    entries = b""
    for number, image in enumerate(images):
        width, height = stated[number] if stated else (16, 16)
        entries += struct.pack("<BBBBHHII", width, height, 0, 0, 1, 32, len(image), at)
        at += len(image)
    return struct.pack("<HHH", 0, kind, len(images)) + entries + b"".join(images)


def bitmap(image: Image.Image, mask: Image.Image | None = None) -> bytes:
    """Return a bitmap of 32, 24, 8 or 1 bits, for a picture in mode RGBA, RGB, P or 1.

    Args:
        image: the picture.
        mask: white where nothing is shown; nothing is white by default.
    """
    out = io.BytesIO()
    image.save(out, "DIB")
    data = bytearray(out.getvalue())
    data[8:12] = struct.pack("<i", 2 * image.height)
    return bytes(data) + (mask or Image.new("1", image.size)).tobytes(
        "raw", "1", _stride(image), -1
    )


def _stride(image: Image.Image) -> int:
    return -(-image.width // 32) * 4
