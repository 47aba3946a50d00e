"""The orientation of a picture, as its metadata tell it.

EXIF 2.32, 4.6.4: https://www.cipa.jp/std/documents/e/DC-X008-Translation-2019-E.pdf
"""

import re
import struct

from quickthumb.imaging.formats.ifd import SHORT, Directory

ORIENTATION_TAG = 0x0112

ORIENTATIONS = range(1, 9)

_MARK = b"Exif\0\0"
"""Before the directory, in some formats, and by some writers twice."""

_IN_XMP = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')


def orientation_of(exif: bytes, xmp: bytes) -> int:
    """Return the orientation, 1 to 8: that of the EXIF, or if that tells none of the XMP.

    1 where there is none, or it is nonsense.
    """
    try:
        stored = _of_exif(exif)
    except struct.error:  # however broken it is, the picture is still a picture
        return 1
    if not stored:
        match = _IN_XMP.search(xmp)
        return int(match[1]) if match else 1
    return stored if stored in ORIENTATIONS else 1


def _of_exif(exif: bytes) -> int:
    """Return what the EXIF says, sense or nonsense, and 0 where it says nothing."""
    if not exif:
        return 0
    directory = Directory(exif.removeprefix(_MARK).removeprefix(_MARK))
    entry = next((entry for entry in directory if entry.tag == ORIENTATION_TAG), None)
    if entry is None:
        return 0
    return directory.short(entry) if (entry.kind, entry.values) == (SHORT, 1) else 1
