"""Which formats are accepted, told from the first bytes alone."""

import re
from collections.abc import Callable
from importlib import import_module

from PIL import ImageFile

from quickthumb.errors import NotAPicture, UnsupportedFormat
from quickthumb.imaging.avif import as_still, without_exif
from quickthumb.imaging.guarded import GuardedFile
from quickthumb.imaging.ifd import check_counts
from quickthumb.imaging.png import complete_header, without_ballast

CONTENT_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
    "HEIF": "image/heic",
    "GIF": "image/gif",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
}
"""Each accepted format by Pillow's name for it, and its media type."""

ACCEPTED = "JPEG, PNG, WebP, AVIF, HEIC, GIF, TIFF or BMP"

_READERS = {
    "JPEG": ("quickthumb.imaging.lean_jpeg", "LeanJpeg"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "WEBP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "HEIF": ("pillow_heif.as_plugin", "HeifImageFile"),
    "GIF": ("quickthumb.imaging.gif", "SteadyGif"),
    "TIFF": ("quickthumb.imaging.tiff", "LeanTiff"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
}

_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),  # BigTIFF; a big-endian one Pillow reads as a TIFF, and wrongly
    (b"BM", "BMP"),
)

_REFUSED_MAGIC = (
    (b"MM\0+", "Big-endian BigTIFF"),
    (b"%PDF-", "PDF"),
    (b"8BPS", "PSD (Photoshop)"),
    (b"8BPB", "PSB (Photoshop)"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"\0\0\1\0", "ICO (icon)"),
    (b"\0\0\2\0", "CUR (cursor)"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
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

_AVIF_BRANDS = frozenset((b"avif", b"avis"))
_HEIF_BRANDS = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
)

_SVG = re.compile(rb"\s*(<\?xml|<!--|<!DOCTYPE\s+svg|<svg[\s>])", re.IGNORECASE)
_NETPBM = re.compile(rb"P[1-7f F][\s#]")


def sniff(data: bytes) -> str:
    """Return the format of a picture, a key of `CONTENT_TYPES`.

    Raises:
        UnsupportedFormat: it is a known format that is not accepted.
        NotAPicture: it is nothing that is known.
    """
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        return _base_media_format(data)
    refused = _refused(data)
    if refused:
        raise UnsupportedFormat(f"{refused} files are not accepted: expected {ACCEPTED}.")
    raise NotAPicture(f"The file is no picture that is known: expected {ACCEPTED}.")


def open_as(name: str, data: bytes, ask: Callable[[], None]) -> ImageFile.ImageFile:
    """Open a file with the class that reads this one format; no pixel is decoded.

    It is called directly, so no other format is ever tried on the bytes, nothing is registered with
    Pillow, and a process pays only for the formats it meets.

    Args:
        name: a key of `CONTENT_TYPES`.
        data: of the file.
        ask: is called before each reading of the file, now and while pixels are decoded.
    """
    if name == "PNG":
        data = without_ballast(data)
    elif name == "AVIF":
        data = as_still(without_exif(data))
    elif name == "TIFF":
        check_counts(data)
    module, attribute = _READERS[name]
    opener: Callable[[GuardedFile], ImageFile.ImageFile] = getattr(import_module(module), attribute)
    image = opener(GuardedFile(data, ask))
    if name == "PNG":
        complete_header(image, data)
    return image


def _base_media_format(data: bytes) -> str:
    """Tell AVIF from HEIC, and both from video: they share a container (ISO/IEC 14496-12)."""
    length = min(int.from_bytes(data[:4], "big"), 1024)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, length, 4))]
    if not _AVIF_BRANDS.isdisjoint(brands):
        return "AVIF"
    if not _HEIF_BRANDS.isdisjoint(brands):
        return "HEIF"
    kind = "CR3 (camera raw)" if brands[0] == b"crx " else "Video"
    raise UnsupportedFormat(f"{kind} files are not accepted: expected {ACCEPTED}.")


def _refused(data: bytes) -> str | None:
    for magic, name in _REFUSED_MAGIC:
        if data.startswith(magic):
            return name
    if _NETPBM.match(data):
        return "Netpbm"
    text = data[:4096].removeprefix(b"\xef\xbb\xbf")
    if _SVG.match(text) and b"<svg" in text.lower():
        return "SVG"
    return None
