"""Animations that stay animated."""

from PIL import Image, ImageFile

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.alpha import flatten
from quickthumb.imaging.encode import Animation
from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.finish import Finish
from quickthumb.imaging.formats import AUTO, OUTPUTS
from quickthumb.imaging.modes import averageable
from quickthumb.imaging.parsing import hostile_bytes
from quickthumb.imaging.resample import shrunk
from quickthumb.limits import Limits
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


def animation(
    encoded: Encoded, rendition: Rendition, finish: Finish, limits: Limits
) -> Animation | None:
    """Read all frames, each finished before the next is read.

    Args:
        encoded: the picture.
        rendition: what is asked for; its frames are what is held in memory.
        finish: makes a thumbnail of a reduced frame.
        limits: on frames; they are counted while reading, for some files do not say how many.

    Returns:
        None for a still picture, if the format that is asked for holds but one, and where the
        animation is beyond the limits or breaks off after one frame.

    Raises:
        Corrupt: not even the first frame can be decoded.
        TooSlow: the time is up.
    """
    asked = rendition.format
    if (asked != AUTO and not OUTPUTS[asked].writer.animation) or not _is_animated(encoded):
        return None
    if encoded.format.held(encoded, encoded.header.size) > encoded.max_bytes // 2:
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
                frame = averageable(image)(image).convert("RGBA")
                frames.append(_finished(frame, finish, rendition.background))
                frames[-1].info.clear()
                durations.append(_duration(image))
        except Corrupt:
            break  # it ends early: what came before is shown
    plays = encoded.format.plays(image.info.get("loop"))
    # For longer than anyone watches is for ever.
    loop = plays if plays <= _MOST_LOOPS else 0
    return Animation(frames, durations, loop) if len(frames) > 1 else None


def _is_animated(encoded: Encoded) -> bool:
    """Tell whether the picture has frames that are to be shown one after another."""
    if not encoded.format.animated:
        return False
    with hostile_bytes(f"The {encoded.format.title} animation"):
        return bool(getattr(encoded.open(), "is_animated", False))


def _finished(frame: Image.Image, finish: Finish, background: str | None) -> Image.Image:
    image = finish(shrunk(frame, finish.reduced))
    return flatten(image, background) if background else image


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
