"""From pixels to the bytes of a thumbnail: no metadata, no profile, nothing but pixels."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from PIL import Image

from quickthumb.documents.rendition import Format
from quickthumb.imaging.alpha import WHITE, flatten, is_transparent, opaque
from quickthumb.imaging.timeless import timeless
from quickthumb.problems import TooManyPixels

OutputFormat = Literal["jpeg", "png", "webp", "avif"]

EXTENSIONS: dict[OutputFormat, str] = {
    "jpeg": "jpg",
    "png": "png",
    "webp": "webp",
    "avif": "avif",
}

DEFAULT_QUALITY: dict[OutputFormat, int] = {"jpeg": 82, "png": 100, "webp": 80, "avif": 60}
"""Chosen to look alike. PNG is lossless at 100; below, it has so many percent of 256 colours."""


_MOST_BYTES = 250_000_000
_BYTES_PER_PIXEL = {"jpeg": 1, "png": 2, "webp": 6, "transparent webp": 30, "avif": 26}
"""What encoders hold in memory at their peak, measured at 11 megapixels."""


@dataclass(frozen=True, slots=True)
class Animation:
    """How the frames after the first are shown.

    Attributes:
        frames: all of them, of one size and mode, at least two, without metadata.
        durations: of each, milliseconds.
        loop: how often it is played, 0 for ever.
    """

    frames: Sequence[Image.Image]
    durations: Sequence[int]
    loop: int


def choose_format(
    asked: Format, size: tuple[int, int], *, transparent: bool, animated: bool
) -> OutputFormat:
    """Return the format to write: `auto` is JPEG, or for what that cannot hold WebP, else PNG.

    Raises:
        TooManyPixels: encoding in the format that was asked for would take too much memory.
    """
    if asked == "auto":
        if not (transparent or animated):
            return "jpeg"
        return "webp" if animated or _fits(size, "webp", transparent=True) else "png"
    if not _fits(size, asked, transparent=transparent):
        raise TooManyPixels(
            f"A thumbnail of {size[0]} x {size[1]} pixels takes too much memory to encode as "
            f"{asked}: ask for a smaller size, or for PNG."
        )
    return asked


def _fits(size: tuple[int, int], output: OutputFormat, *, transparent: bool) -> bool:
    per_pixel = _BYTES_PER_PIXEL["transparent webp" if transparent and output == "webp" else output]
    return size[0] * size[1] * per_pixel <= _MOST_BYTES


def prepared(image: Image.Image, output: OutputFormat, background: str | None) -> Image.Image:
    """Return the picture as the format can hold it: flattened where it is asked or must be."""
    if background is not None or output == "jpeg":
        return flatten(image, background or WHITE)
    return image if is_transparent(image) else opaque(image)


def encode(image: Image.Image, output: OutputFormat, quality: int) -> bytes:
    """Encode one picture; the same pixels give the same bytes.

    Args:
        image: mode L, LA, RGB or RGBA; without alpha for JPEG.
        output: the format.
        quality: 1 (smallest) to 100 (best).
    """
    if output == "png" and quality < 100:
        image = _with_palette(image, quality)
    return _save(image, output, _options(output, quality))


def encode_animation(animation: Animation, output: OutputFormat, quality: int) -> bytes:
    """Encode all frames; every format but JPEG can. The same frames give the same bytes."""
    first, *others = animation.frames
    options = _options(output, quality) | {
        "save_all": True,
        "append_images": others,
        "duration": list(animation.durations),
        "loop": animation.loop,
    }
    data = _save(first, output, options)
    return timeless(data) if output == "avif" else data


def _options(output: OutputFormat, quality: int) -> dict[str, Any]:
    match output:
        case "jpeg":
            return {"quality": quality}
        case "webp":
            # Method 2 takes half the time of the default for 3 % more bytes.
            return {"quality": quality, "method": 2}
        case "avif":
            # One thread: it is what the function has, and the bytes do not depend on the machine.
            return {"quality": quality, "speed": 8, "max_threads": 1}
        case "png":
            return {}


def _with_palette(image: Image.Image, quality: int) -> Image.Image:
    colours = max(2, round(256 * quality / 100))
    if is_transparent(image):
        return image.convert("RGBA").quantize(colours, Image.Quantize.FASTOCTREE)
    return image.convert("RGB").quantize(colours, Image.Quantize.MEDIANCUT)


def _save(image: Image.Image, output: OutputFormat, options: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    image.info.clear()  # writers look in there for comments, profiles and EXIF to carry over
    image.save(out, output.upper(), **options)
    return out.getvalue()
