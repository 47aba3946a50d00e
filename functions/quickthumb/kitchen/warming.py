"""Loads everything that decoding may need, since no file can be opened afterwards."""

import base64
import io
from collections.abc import Iterator, Sequence
from typing import Any

from PIL import Image, ImageCms

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.engines import vips
from quickthumb.imaging.formats import AUTO, OUTPUTS, accepted
from quickthumb.imaging.render import render
from quickthumb.limits import Limits

_HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAXxtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAA"
    "AAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAABoAABAAAAAAAAADEAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABo"
    "dmMxAAAAAA5waXRtAAAAAAABAAAA/GlwcnAAAADcaXBjbwAAAHVodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEA"
    "GEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQApQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqrprm4CGgwIAAAAyAAAAD"
    "AIRiAAEABkQBwXPBiQAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAAChjbGFwAAAAEAAAAAEA"
    "AAAQAAAAAf///9AAAAAC////0AAAAAIAAAAQcGl4aQAAAAADCAgIAAAAGGlwbWEAAAAAAAAAAQABBYECAwWEAAAAOW1k"
    "YXQAAAAtKAGvEyFgY0D4EPdn/+Tbau8/7C7HpzshHcDSIICbQEiTXVALFhCAh3alVtz4"
)
"""16 x 16 pixels; encoding one here would load an encoder that is not needed."""

_PLUGGED_IN = tuple(name for name, each in OUTPUTS.items() if each.writer.plugin)
_BUILT_IN = tuple(name for name in OUTPUTS if name not in _PLUGGED_IN)

_OUTPUTS = (
    *(Rendition(name, 8, 8, format=name) for name in _BUILT_IN),
    *(Rendition(f"{name}-50", 8, 8, format=name, quality=50) for name in _BUILT_IN),
    Rendition("face", 24, 16, fit="cover", gravity="face"),
    Rendition("light", 8, 8, max_bytes=100_000),
    Rendition("background", 8, 8, background="#ffffff"),
)

_FEW_OUTPUTS = tuple(Rendition(name, 8, 8, format=name) for name in (AUTO, *_PLUGGED_IN))
"""For the samples: encoders load nothing for a picture that they have not loaded for another."""

_LARGE = (800, 640)
"""Size of a JPEG that is large enough for libvips."""


def warm(extra_formats: Sequence[str] = ()) -> None:
    """Make thumbnails of a small picture of each kind, in each format.

    Args:
        extra_formats: see `Limits`.
    """
    vips.is_there()
    limits = Limits(extra_formats=extra_formats)
    samples = (each.sample for each in accepted(extra_formats) if each.sample)
    for data in _pictures():
        render(data, _OUTPUTS, limits)
    for data in samples:
        render(data, _FEW_OUTPUTS, limits)
    render(_encoded(Image.new("RGB", _LARGE), "JPEG"), [Rendition.square(700)], limits)


def _pictures() -> Iterator[bytes]:
    image = Image.linear_gradient("L").resize((32, 24)).convert("RGB")
    transparent = image.copy()
    transparent.putalpha(image.getchannel("R"))
    moving = {"save_all": True, "append_images": [image.rotate(180)], "duration": 100}
    exif = Image.Exif()
    exif[0x0112] = 6
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    yield _encoded(image, "JPEG", exif=exif, icc_profile=srgb.tobytes())
    yield _encoded(image, "JPEG", progressive=True, icc_profile=lab.tobytes())
    yield _encoded(image.convert("CMYK"), "JPEG")
    yield _encoded(transparent, "PNG", exif=exif)
    yield _encoded(image.quantize(8), "PNG")
    yield _encoded(image, "PNG", **moving)
    yield _encoded(image, "WEBP", exif=exif)
    yield _encoded(transparent, "WEBP", lossless=True)
    yield _encoded(image, "WEBP", **moving)
    yield _encoded(transparent, "AVIF", max_threads=1)
    yield _HEIC
    yield _encoded(image, "GIF", **moving)
    yield _encoded(image, "TIFF")
    yield _encoded(image.convert("F"), "TIFF", compression="tiff_adobe_deflate")
    yield _encoded(image, "BMP")
    yield _encoded(image, "ICO", sizes=[(32, 24)], bitmap_format="bmp")
    yield _encoded(image, "JPEG2000")


def _encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()
