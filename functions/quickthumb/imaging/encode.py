"""Encodes thumbnails, without metadata or a profile."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from math import prod
from typing import Any

from PIL import Image

from quickthumb.imaging.alpha import WHITE, flatten, is_transparent, opaque
from quickthumb.imaging.formats import AUTO, OUTPUTS
from quickthumb.imaging.formats.descriptor import Output
from quickthumb.imaging.formats.jpeg import JPEG
from quickthumb.imaging.formats.png import PNG
from quickthumb.imaging.formats.webp import WEBP
from quickthumb.problems import TooManyPixels

MOST_BYTES = 250_000_000
"""Maximum memory of an encoder."""


@dataclass(frozen=True, slots=True)
class Animation:
    """An animated thumbnail, before encoding.

    Attributes:
        frames: at least two, of the same size and mode, without metadata.
        durations: of each frame, milliseconds.
        loop: how often it is played, 0 for ever.
    """

    frames: Sequence[Image.Image]
    durations: Sequence[int]
    loop: int


def choose_format(
    asked: str, size: tuple[int, int], *, transparent: bool, animated: bool
) -> Output:
    """Return the format to write.

    `auto` is JPEG; for transparency or animation it is WebP, or PNG if encoding WebP would take too
    much memory.

    Args:
        asked: `auto`, or the name of an output format.
        size: of the thumbnail, pixels.
        transparent: whether it has transparent pixels.
        animated: whether it has several frames.

    Raises:
        TooManyPixels: encoding in the requested format would take too much memory.
    """
    if asked == AUTO:
        if not (transparent or animated):
            return JPEG
        return WEBP if animated or WEBP.writer.held(size, transparent=True) <= MOST_BYTES else PNG
    output = OUTPUTS[asked]
    if output.writer.held(size, transparent=transparent) > MOST_BYTES:
        raise TooManyPixels(
            f"A thumbnail of {size[0]} x {size[1]} pixels takes too much memory to encode as "
            f"{asked}. Request a smaller size, or PNG."
        )
    return output


def prepared(image: Image.Image, output: Output, background: str | None) -> Image.Image:
    """Flatten the picture if a background is given or the format has no alpha."""
    if background is not None or not output.writer.alpha:
        return flatten(image, background or WHITE)
    return image if is_transparent(image) else opaque(image)


def encode(image: Image.Image, output: Output, quality: int) -> bytes:
    """Encode a still picture; the same pixels give the same bytes.

    Args:
        image: in mode L, LA, RGB or RGBA; without alpha if the format has none.
        output: the format.
        quality: 1 (smallest) to 100 (best).
    """
    if output.writer.palette and quality < 100:
        image = _with_palette(image, quality)
    writer = output.writer
    small = prod(image.size) <= writer.small_pixels
    return _save(
        image, output, {**writer.options(quality), **(writer.small_options if small else {})}
    )


def encode_animation(animation: Animation, output: Output, quality: int) -> bytes:
    """Encode an animation in a format that has them; the same frames give the same bytes."""
    first, *others = animation.frames
    options = {
        **output.writer.options(quality),
        "save_all": True,
        "append_images": others,
        "duration": list(animation.durations),
        "loop": animation.loop,
    }
    return output.writer.cleaned(_save(first, output, options))


def _with_palette(image: Image.Image, quality: int) -> Image.Image:
    colours = max(2, round(256 * quality / 100))
    if is_transparent(image):
        return image.convert("RGBA").quantize(colours, Image.Quantize.FASTOCTREE)
    return image.convert("RGB").quantize(colours, Image.Quantize.MEDIANCUT)


def _save(image: Image.Image, output: Output, options: Mapping[str, Any]) -> bytes:
    if output.writer.plugin:
        import_module(output.writer.plugin)
    out = io.BytesIO()
    image.info.clear()  # otherwise writers copy comments, profiles and EXIF from here
    image.save(out, output.name.upper(), **options)
    return out.getvalue()
