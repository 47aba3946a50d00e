"""Recognises formats that are not accepted."""

import re

from quickthumb.imaging.formats.bmff import brands

_MAGIC = (
    (b"MM\0+", "Big-endian BigTIFF"),
    (b"8BPB", "PSB (Photoshop)"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"II\xbc", "JPEG XR"),
    (b"DDS ", "DDS (texture)"),
    (b"qoif", "QOI"),
    (b"gimp xcf", "XCF (GIMP)"),
    (b"v/1\1", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"FUJIFILM", "RAF (camera raw)"),
    (b"IIRO", "ORF (camera raw)"),
    (b"IIU\0", "RW2 (camera raw)"),
    (b"\xd7\xcd\xc6\x9a", "WMF"),
    (b"icns", "ICNS (icon)"),
    (b"\x1aE\xdf\xa3", "Matroska video"),
    (b"PK\3\4", "ZIP"),
)

_NETPBM = re.compile(rb"P[1-7f F][\s#]")


def name_of_refused(data: bytes) -> str | None:
    """Return the name of the unaccepted format of a file, None if it is unknown."""
    own = brands(data)
    if own:
        return "CR3 (camera raw)" if own[0] == b"crx " else "Video"
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    if _NETPBM.match(data):
        return "Netpbm"
    return None
