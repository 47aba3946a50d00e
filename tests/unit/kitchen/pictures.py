"""A picture that each native decoder gets to read, and the thumbnails for which it does."""

import io
from collections.abc import Callable
from typing import Any

import pillow_heif
from PIL import Image

from quickthumb.documents.rendition import Rendition

_SMALL = (Rendition.square(16),)
Asked = tuple[bytes, tuple[Rendition, ...]]


def _picture(width: int = 40, height: int = 30) -> Image.Image:
    return Image.linear_gradient("L").resize((width, height)).convert("RGB")


def _encoded(kind: str, image: Image.Image | None = None, **options: Any) -> bytes:
    out = io.BytesIO()
    (image or _picture()).save(out, kind, **options)
    return out.getvalue()


def _moving(kind: str) -> bytes:
    frames = [_picture().rotate(180)]
    return _encoded(kind, save_all=True, append_images=frames, duration=100)


def _heic() -> bytes:
    out = io.BytesIO()
    pillow_heif.from_pillow(_picture(64, 64)).save(out)
    return out.getvalue()


OF_DECODER: dict[str, Callable[[], Asked]] = {
    "libjpeg": lambda: (_encoded("JPEG"), _SMALL),
    "zlib": lambda: (_moving("PNG"), _SMALL),  # a still is read by libvips
    "gif": lambda: (_encoded("GIF"), _SMALL),
    "libtiff": lambda: (_encoded("TIFF", compression="tiff_adobe_deflate"), _SMALL),
    "raw": lambda: (_encoded("BMP"), _SMALL),
    "libwebp": lambda: (_moving("WEBP"), _SMALL),
    "libavif": lambda: (_encoded("AVIF"), _SMALL),
    "libheif": lambda: (_heic(), _SMALL),
    "libvips, JPEG": lambda: (_encoded("JPEG", _picture(800, 640)), (Rendition.square(700),)),
    "libvips, PNG": lambda: (_encoded("PNG"), _SMALL),
    "libvips, WebP": lambda: (_encoded("WEBP"), _SMALL),
}
