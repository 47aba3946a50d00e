"""What there is to know of a format, and of a picture before it is decoded."""

from collections.abc import Callable
from dataclasses import dataclass

MOST_FRAMES = 10_000
"""Counted at most. The limit on animations is far below."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the header of a file declares, and what the limits need.

    Attributes:
        width: pixels, as the decoder returns the picture.
        height: pixels, likewise.
        orientation: what is still to be done to it, as EXIF numbers it, 1 to 8. For a format whose
            `decoder_turns`, the decoder has done it, and width and height are those of the upright
            picture.
        frames: of an animation, counted up to `MOST_FRAMES`; 1 for a still picture.
        scans: passes that are decoded one upon the other, at most.
        coded: width and height that are decoded, pixels, where the decoder then crops.
    """

    width: int
    height: int
    orientation: int = 1
    frames: int = 1
    scans: int = 1
    coded: tuple[int, int] | None = None

    @property
    def decoded(self) -> tuple[int, int]:
        """Width and height that are decoded, pixels."""
        return self.coded or (self.width, self.height)


def unchanged(data: bytes) -> bytes:
    """Return the file as it is: its decoder is given all of it."""
    return data


@dataclass(frozen=True, slots=True)
class Format:
    """A format that is accepted.

    All but the decoder is code of ours, which imports no library, takes a time that grows no faster
    than the file, and counts what it goes through.

    Attributes:
        name: Pillow's.
        title: for people.
        content_type: the media type.
        begins: tells from its first bytes whether a file is of this format.
        read: reads the header of a file. Raises `Unprocessable`, or `struct.error` or `IndexError`
            where the file ends within it; see `formats.read_header`.
        decoder: the class that reads it, "module:class". It is imported only once a picture is to
            be decoded.
        lean: returns a file without what its decoder must not see, and no pixel depends on.
        first_frame: returns an animation without its other frames.
        decoder_turns: whether the decoder itself applies the orientation.
    """

    name: str
    title: str
    content_type: str
    begins: Callable[[bytes], bool]
    read: Callable[[bytes], Header]
    decoder: str
    lean: Callable[[bytes], bytes] = unchanged
    first_frame: Callable[[bytes], bytes] = unchanged
    decoder_turns: bool = False


def beginning(*magic: bytes) -> Callable[[bytes], bool]:
    """Return what tells whether a file begins with one of these bytes."""
    return lambda data: data.startswith(magic)
