"""EXIF orientation, applied last: turning a small picture costs nothing."""

import re
import struct

from PIL import Image, ImageFile

from quickthumb.imaging.ifd import SHORT, first_directory

ORIENTATION_TAG = 0x0112
"""EXIF 2.32, 4.6.4: https://www.cipa.jp/std/documents/e/DC-X008-Translation-2019-E.pdf"""

_ORIENTATIONS = range(1, 9)

_EXIF_MARK = b"Exif\0\0"
"""Before the directory, in some formats, and by some writers twice."""

_IN_XMP = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')

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
    if image.format == "TIFF":
        # Pillow turns it by whatever kind of number is equal to one of these.
        value = image.tag_v2.get(ORIENTATION_TAG)  # type: ignore[attr-defined]  # of its class
        return int(value) if value in _ORIENTATIONS else 1
    try:
        stored = _of_exif(image)
    except (struct.error, ValueError):  # however broken it is, the picture is still a picture
        return 1
    found = stored or _of_xmp(image)
    return found if found in _ORIENTATIONS else 1


def _of_exif(image: ImageFile.ImageFile) -> int:
    """Return what the EXIF says, sense or nonsense, and 0 where it says nothing."""
    exif = image.info.get("exif")
    if not exif and "Raw profile type exif" in image.info:  # PNGs of old: hexadecimal, in a text
        exif = bytes.fromhex("".join(image.info["Raw profile type exif"].split("\n")[3:]))
    if not exif:
        return 0
    directory = exif.removeprefix(_EXIF_MARK).removeprefix(_EXIF_MARK)
    entries = (entry for entry in first_directory(directory) if entry.tag == ORIENTATION_TAG)
    entry = next(entries, None)
    if entry is None:
        return 0
    return entry.short if (entry.kind, entry.values) == (SHORT, 1) else 1


def _of_xmp(image: ImageFile.ImageFile) -> int:
    xmp = image.info.get("XML:com.adobe.xmp") or image.info.get("xmp") or b""
    match = _IN_XMP.search(xmp.encode() if isinstance(xmp, str) else xmp)
    return int(match[1]) if match else 1
