"""Animations that stay animated."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import count, groupby
from math import prod

from PIL import Image

from quickthumb.imaging.alpha import flatten
from quickthumb.imaging.canvas import composed
from quickthumb.imaging.decoders import named
from quickthumb.imaging.encode import Animation
from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.finish import Finish
from quickthumb.imaging.formats import AUTO, OUTPUTS
from quickthumb.imaging.modes import averageable
from quickthumb.imaging.parsing import hostile_bytes
from quickthumb.imaging.resample import shrunk
from quickthumb.problems import Corrupt

_LEAST_DURATION = 20
_DURATION_OF_NONE = 100
"""Browsers show frames that ask for next to no time this long, milliseconds."""

_LONGEST_DURATION = 655_350
"""Of a frame in a GIF, milliseconds; all formats can hold that."""

_MOST_MILLISECONDS = 65_535
"""What a PNG counts in milliseconds; Pillow writes longer ones in hundredths of a second."""

_MOST_LOOPS = 65_535
"""Of a WebP: https://developers.google.com/speed/webp/docs/riff_container#animation"""


_HELD_PER_PIXEL = 4
"""Bytes of a pixel of a frame, as Pillow holds it."""

_HELD_PER_COMPOSED_PIXEL = 16
"""Bytes: the canvas, what a frame covers on it, the frame, and both together."""


def batches(encoded: Encoded, finishes: Iterable[Finish]) -> Iterator[list[Finish]]:
    """Yield thumbnails, in their order, as many at a time as can be held with all their frames.

    All of a batch are animated with one decoding of the picture. Thumbnails of a picture that does
    not move come one by one.
    """
    frames = _frames(encoded)
    room = encoded.max_bytes // 2 if frames > 1 else 0  # the other half is for the decoder
    batch: list[Finish] = []
    held = 0
    for finish in finishes:
        pictures = 1 + (frames if _moves(finish) else 0)  # the still may be needed after all
        takes = pictures * _HELD_PER_PIXEL * prod(finish.final)
        if batch and held + takes > room:
            yield batch
            batch, held = [], 0
        batch.append(finish)
        held += takes
    yield batch


def animations(encoded: Encoded, batch: Sequence[Finish]) -> dict[Finish, Animation]:
    """Read all frames once, and finish each for all thumbnails before the next is read.

    Args:
        encoded: the picture.
        batch: one of the `batches`; each has made the still before.

    Returns:
        Nothing for thumbnails in a format that holds but one frame; nothing at all for a still
        picture, and where the animation is beyond the limits or breaks off after one frame.

    Raises:
        TooSlow: the time is up.
    """
    moving = [finish for finish in batch if _moves(finish)]
    most = _frames(encoded)
    if most < 2 or not moving:
        return {}
    frames: list[list[Image.Image]] = []
    durations: list[int] = []
    shown = _composed(encoded) if encoded.format.patches else _read(encoded)
    while len(frames) < most:
        encoded.deadline.check()
        try:
            with hostile_bytes(f"The {encoded.format.title} animation"):
                frame, duration = next(shown, (None, 0.0))
                if frame is None:
                    break
                frames.append(_finished(frame, moving))
                durations.append(_duration(duration))
        except Corrupt:
            break  # it ends early: what came before is shown
    if len(frames) < 2:
        return {}
    plays = encoded.format.plays(encoded.header.info.get("loop"))
    # For longer than anyone watches is for ever.
    loop = plays if plays <= _MOST_LOOPS else 0
    return {
        finish: Animation(own, durations, loop)
        for finish, own in zip(moving, zip(*frames, strict=True), strict=True)
    }


def _frames(encoded: Encoded) -> int:
    """Return how many frames are shown at most, 1 where decoding them takes too much memory."""
    if not encoded.format.animated or encoded.declared.frames < 2:
        return 1
    if encoded.format.patches:
        held: float = _HELD_PER_COMPOSED_PIXEL * prod(encoded.header.size)
    else:
        held = encoded.format.held(encoded, encoded.header.size)
    return encoded.declared.frames if held <= encoded.max_bytes // 2 else 1


def _moves(finish: Finish) -> bool:
    """Tell whether the format that is asked for holds several frames."""
    asked = finish.rendition.format
    return asked == AUTO or OUTPUTS[asked].writer.animation


def _finished(frame: Image.Image, finishes: Sequence[Finish]) -> list[Image.Image]:
    """Return a frame as each of the thumbnails shows it."""
    images = []
    for size, alike in groupby(finishes, lambda finish: finish.reduced):
        reduced = shrunk(frame, size)
        if reduced is frame:
            reduced = frame.copy()  # the next frame is drawn on this one
        for finish in alike:
            background = finish.rendition.background
            image = finish(reduced)
            images.append(flatten(image, background) if background else image)
            images[-1].info.clear()
    return images


def _composed(encoded: Encoded) -> Iterator[tuple[Image.Image, float]]:
    """Yield the frames of an animation that is composed here, and their durations."""
    assert encoded.format.patches  # noqa: S101  # the caller has looked
    return composed(encoded.header.size, named(encoded.format.patches)(encoded))


def _read(encoded: Encoded) -> Iterator[tuple[Image.Image, float]]:
    """Yield the frames of an animation that its decoder composes, and their durations."""
    image = encoded.open()
    with suppress(EOFError):
        for number in count():
            image.seek(number)
            frame = averageable(image)(image).convert("RGBA")
            yield frame, image.info.get("duration") or 0


def _duration(stored: float) -> int:
    """Return how long a frame is shown, milliseconds, as every format can hold it."""
    duration = min(round(stored), _LONGEST_DURATION)
    if duration > _MOST_MILLISECONDS:
        return round(duration, -1)
    return duration if duration >= _LEAST_DURATION else _DURATION_OF_NONE
