"""From pixels to the bytes of a thumbnail: no metadata, no profile, nothing but pixels."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from quickthumb.imaging.alpha import WHITE, flatten, is_transparent, opaque
from quickthumb.imaging.formats import AUTO, OUTPUTS
from quickthumb.imaging.formats.descriptor import Output
from quickthumb.imaging.formats.jpeg import JPEG
from quickthumb.imaging.formats.png import PNG
from quickthumb.imaging.formats.webp import WEBP
from quickthumb.problems import TooManyPixels

_MOST_BYTES = 250_000_000
"""That an encoder may hold in memory."""


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
    asked: str, size: tuple[int, int], *, transparent: bool, animated: bool
) -> Output:
    """Return the format to write: `auto` is JPEG, or for what that cannot hold WebP, else PNG.

    Args:
        asked: one of `formats.FORMAT_OPTIONS`.
        size: of the thumbnail, pixels.
        transparent: whether anything shows through it.
        animated: whether it has several frames.

    Raises:
        TooManyPixels: encoding in the format that was asked for would take too much memory.
    """
    if asked == AUTO:
        if not (transparent or animated):
            return JPEG
        return WEBP if animated or WEBP.writer.held(size, transparent=True) <= _MOST_BYTES else PNG
    output = OUTPUTS[asked]
    if output.writer.held(size, transparent=transparent) > _MOST_BYTES:
        raise TooManyPixels(
            f"A thumbnail of {size[0]} x {size[1]} pixels takes too much memory to encode as "
            f"{asked}: ask for a smaller size, or for PNG."
        )
    return output


def prepared(image: Image.Image, output: Output, background: str | None) -> Image.Image:
    """Return the picture as the format can hold it: flattened where it is asked or must be."""
    if background is not None or not output.writer.alpha:
        return flatten(image, background or WHITE)
    return image if is_transparent(image) else opaque(image)


def encode(image: Image.Image, output: Output, quality: int) -> bytes:
    """Encode one picture; the same pixels give the same bytes.

    Args:
        image: mode L, LA, RGB or RGBA; without alpha where the format has none.
        output: the format.
        quality: 1 (smallest) to 100 (best).
    """
    if output.writer.palette and quality < 100:
        image = _with_palette(image, quality)
    return _save(image, output, output.writer.options(quality))


def encode_animation(animation: Animation, output: Output, quality: int) -> bytes:
    """Encode all frames in a format that can hold them. The same frames give the same bytes."""
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
    out = io.BytesIO()
    image.info.clear()  # writers look in there for comments, profiles and EXIF to carry over
    image.save(out, output.name.upper(), **options)
    return out.getvalue()
