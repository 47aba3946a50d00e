"""Reads the orientation of a picture from its metadata.

EXIF 2.32, 4.6.4: https://www.cipa.jp/std/documents/e/DC-X008-Translation-2019-E.pdf
"""

import struct

from quickthumb.imaging.formats.ifd import SHORT, Directory

ORIENTATION_TAG = 0x0112

ORIENTATIONS = range(1, 9)

_MARK = b"Exif\0\0"
"""Precedes the directory in some formats; some writers repeat it."""


def orientation_of(exif: bytes) -> int:
    """Return the orientation, 1 to 8, from the EXIF; 1 if it lacks it, or if it is invalid.

    XMP may repeat it, but no viewer turns a picture for that alone.
    """
    try:
        stored = _of_exif(exif)
    except struct.error:  # invalid metadata is no reason to reject the picture
        return 1
    return stored if stored in ORIENTATIONS else 1


def _of_exif(exif: bytes) -> int:
    """Return the value in the EXIF, even if invalid; 0 if there is none."""
    if not exif:
        return 0
    directory = Directory(exif.removeprefix(_MARK).removeprefix(_MARK))
    entry = next((entry for entry in directory if entry.tag == ORIENTATION_TAG), None)
    if entry is None:
        return 0
    return directory.short(entry) if (entry.kind, entry.values) == (SHORT, 1) else 1
