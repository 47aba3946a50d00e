"""What there is to know of a format, and of a picture before it is decoded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quickthumb.imaging.engines.seam import Encoded as Encoded
else:
    Encoded = object  # the class itself would import Pillow

Size = tuple[int, int]

MOST_FRAMES = 10_000
"""Counted at most. The limit on animations is far below."""


_BYTES_OF_MODE = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}
"""Of a pixel in Pillow; all other modes take four."""


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
    coded: Size | None = None

    @property
    def decoded(self) -> Size:
        """Width and height that are decoded, pixels."""
        return self.coded or (self.width, self.height)


def all_pixels(encoded: Encoded) -> int:
    """Return the bytes of all pixels of a picture as Pillow holds them."""
    return _BYTES_OF_MODE.get(encoded.header.mode, 4) * prod(encoded.header.size)


def held_as_pixels(encoded: Encoded, size: Size) -> float:
    """Return the bytes of all pixels of a picture, and of what they are reduced to."""
    return all_pixels(encoded) + 4 * prod(size)


# The descriptors are neither compared nor printed, and making the methods for it would cost a cold
# start of `upload` a millisecond.
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Vips:
    """How libvips reads a format in which it was measured to be the faster engine.

    docs/decisions/0003-imaging-engines.md has the measurements. Each function is told the picture
    and the size in pixels to which it is to be reduced.

    Attributes:
        loader: the function of libvips that reads this format alone.
        is_faster: tells whether this picture is one that libvips reduces faster than Pillow.
        options: returns what its loader is told.
        averages: tells whether the loader averages boxes of opaque pixels.
        held: returns the bytes it holds at its peak, beside the file and the result.
    """

    loader: str
    is_faster: Callable[[Encoded, Size], bool] = lambda *_: True
    options: Callable[[Encoded, Size], Mapping[str, Any]] = lambda *_: {}
    averages: Callable[[Encoded, Size], bool] = lambda *_: False
    held: Callable[[Encoded, Size], float] = lambda *_: 0


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Writer:
    """How thumbnails are written in a format, and what it can hold.

    Attributes:
        quality: 1 to 100, the default; chosen so that thumbnails of all formats look alike.
        held_per_pixel: bytes that the encoder holds at its peak, measured at 11 megapixels.
        options: returns what Pillow's writer is told for a quality.
        held_per_transparent_pixel: the same where there is transparency, if that differs.
        alpha: whether it holds transparency.
        animation: whether it holds several frames.
        lossless: whether it keeps all pixels as they are, at its default quality.
        palette: whether it has so many percent of 256 colours at a quality below 100.
        cleaned: returns an encoded animation without what Pillow cannot leave out.
    """

    quality: int
    held_per_pixel: int
    options: Callable[[int], Mapping[str, Any]] = lambda _: {}
    held_per_transparent_pixel: int | None = None
    alpha: bool = True
    animation: bool = True
    lossless: bool = False
    palette: bool = False
    cleaned: Callable[[bytes], bytes] = lambda data: data

    def held(self, size: Size, *, transparent: bool) -> int:
        """Return the bytes that encoding a picture of a size in pixels holds at its peak."""
        per_pixel = self.held_per_transparent_pixel if transparent else None
        return size[0] * size[1] * (per_pixel or self.held_per_pixel)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Format:
    """A format that is accepted.

    This is imported where requests are answered. So a module that describes a format imports no
    library, and names what decodes, "module:name", to be imported once a picture is to be decoded.
    What reads headers takes a time that grows no faster than the file, and counts what it goes
    through.

    Attributes:
        name: in requests; in capitals, Pillow's.
        title: for people.
        content_type: the media type.
        extensions: of file names, without the dot; thumbnails have the first.
        begins: tells from its first bytes whether a file is of this format.
        read: reads the header of a file. Raises `Unprocessable`, or `struct.error` or `IndexError`
            where the file ends within it; see `formats.read_header`.
        opener: names the class of Pillow's that reads it.
        decode: names a function that decodes and reduces, like `Engine.decode`; None if Pillow
            decodes it first, and then reduces it.
        lean: returns a file without what its decoder must not see, and no pixel depends on.
        first_frame: returns an animation without its other frames.
        decoder_turns: whether the decoder itself applies the orientation.
        animated: whether a picture may have frames to be shown one after another.
        plays: returns how often an animation is played, 0 for ever, from what Pillow calls `loop`.
        held: returns the bytes that Pillow holds at its peak when it decodes and reduces a picture,
            reckoned from its header; what a pixel takes is measured, and rounded up.
        vips: how libvips reads it, if it is ever faster.
        row_by_row: whether the rows before the end of a broken file can be shown.
        in_browsers: whether browsers show it.
    """

    name: str
    title: str
    content_type: str
    extensions: tuple[str, ...]
    begins: Callable[[bytes], bool]
    read: Callable[[bytes], Header]
    opener: str
    decode: str | None = None
    lean: Callable[[bytes], bytes] = lambda data: data
    first_frame: Callable[[bytes], bytes] = lambda data: data
    decoder_turns: bool = False
    animated: bool = False
    plays: Callable[[int | None], int] = lambda loop: loop or 0
    held: Callable[[Encoded, Size], float] = held_as_pixels
    vips: Vips | None = None
    row_by_row: bool = False
    in_browsers: bool = True


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class Output(Format):
    """A format that thumbnails are written in, too.

    Attributes:
        writer: how.
    """

    writer: Writer


def beginning(*magic: bytes) -> Callable[[bytes], bool]:
    """Return what tells whether a file begins with one of these bytes."""
    return lambda data: data.startswith(magic)
