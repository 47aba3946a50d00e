"""Animations that stay animated."""

from collections.abc import Callable

from PIL import Image, ImageFile

from quickthumb.imaging.encode import Animation
from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.memory import held_by_pillow
from quickthumb.imaging.modes import averageable
from quickthumb.imaging.parsing import hostile_bytes
from quickthumb.limits import Limits
from quickthumb.problems import Corrupt

_ANIMATED = frozenset(("GIF", "WEBP", "PNG"))

_LEAST_DURATION = 20
_DURATION_OF_NONE = 100
"""Browsers show frames that ask for next to no time this long, milliseconds."""

_LONGEST_DURATION = 655_350
"""Of a frame in a GIF, milliseconds; all formats can hold that."""

_MOST_MILLISECONDS = 65_535
"""What a PNG counts in milliseconds; Pillow writes longer ones in hundredths of a second."""

_MOST_LOOPS = 65_535
"""Of a WebP: https://developers.google.com/speed/webp/docs/riff_container#animation"""


def is_animated(encoded: Encoded) -> bool:
    """Tell whether the picture has frames that are to be shown one after another."""
    if encoded.header.format not in _ANIMATED:
        return False
    with hostile_bytes(f"The {encoded.format.title} animation"):
        return bool(getattr(encoded.open(), "is_animated", False))


def animation(
    encoded: Encoded,
    finish: Callable[[Image.Image], Image.Image],
    limits: Limits,
) -> Animation | None:
    """Read all frames, each finished before the next is read.

    Args:
        encoded: an animated picture.
        finish: makes the thumbnail of a frame; its results are what is held in memory.
        limits: on frames; they are counted while reading, for some files do not say how many.

    Returns:
        None where the animation is beyond the limits or breaks off after one frame.

    Raises:
        Corrupt: not even the first frame can be decoded.
        TooSlow: the time is up.
    """
    if held_by_pillow(encoded, encoded.header.size) > encoded.max_bytes // 2:
        return None  # the other half is for the frames
    image = encoded.open()
    most = limits.most_frames(image.width * image.height)
    frames: list[Image.Image] = []
    durations: list[int] = []
    first = 1 if getattr(image, "default_image", False) else 0  # APNG: a still for old viewers
    while True:
        encoded.deadline.check()
        try:
            with hostile_bytes(f"The {encoded.format.title} animation"):
                if not _seek(image, first + len(frames)):
                    break
                if len(frames) == most:
                    return None
                frames.append(finish(averageable(image)(image).convert("RGBA")))
                frames[-1].info.clear()
                durations.append(_duration(image))
        except Corrupt:
            break  # it ends early: what came before is shown
    return Animation(frames, durations, _loop(image)) if len(frames) > 1 else None


def _seek(image: ImageFile.ImageFile, frame: int) -> bool:
    try:
        image.seek(frame)
    except EOFError:
        return False
    return True


def _duration(image: ImageFile.ImageFile) -> int:
    """Return how long the frame is shown, milliseconds, as every format can hold it."""
    duration = min(round(image.info.get("duration") or 0), _LONGEST_DURATION)
    if duration > _MOST_MILLISECONDS:
        return round(duration, -1)
    return duration if duration >= _LEAST_DURATION else _DURATION_OF_NONE


def _loop(image: ImageFile.ImageFile) -> int:
    """Return how often the animation is played, 0 for ever, and for longer than anyone watches.

    A GIF counts the repetitions after the first, and plays once where it says nothing.
    """
    loop = image.info.get("loop")
    if image.format != "GIF":
        plays = int(loop or 0)
    elif loop is None:
        plays = 1
    else:
        plays = int(loop) + 1 if loop else 0
    return plays if plays <= _MOST_LOOPS else 0
