"""Describes formats, and headers of pictures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quickthumb.imaging.engines.seam import Encoded as Encoded
else:
    Encoded = object  # importing the class would import Pillow

Size = tuple[int, int]

MOST_FRAMES = 10_000
"""Counting stops here. The limit on animations is far lower."""

_BYTES_OF_MODE = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}
"""Bytes per pixel in Pillow; all other modes take four."""


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a file, as far as it is needed.

    Attributes:
        width: pixels, of what the decoder returns.
        height: pixels, likewise.
        orientation: EXIF orientation, 1 to 8. If `Format.decoder_turns`, the decoder applies it,
            and width and height are those of the upright picture.
        frames: of an animation, counted up to `MOST_FRAMES`; 1 for a still picture.
        stored: pixels of all frames after the first as they are stored, where they may be larger
            than the picture; otherwise 0.
        scans: maximum number of scans of a JPEG; otherwise 1.
        coded: width and height before the decoder crops, pixels; None if it does not crop.
    """

    width: int
    height: int
    orientation: int = 1
    frames: int = 1
    stored: int = 0
    scans: int = 1
    coded: Size | None = None

    @property
    def decoded(self) -> Size:
        """Width and height before cropping, pixels."""
        return self.coded or (self.width, self.height)


def all_pixels(encoded: Encoded) -> int:
    """Return the size of a picture decoded by Pillow, bytes."""
    return _BYTES_OF_MODE.get(encoded.header.mode, 4) * prod(encoded.header.size)


def held_as_pixels(encoded: Encoded, size: Size) -> float:
    """Return the size of a picture decoded by Pillow and of its reduced copy, bytes."""
    return all_pixels(encoded) + 4 * prod(size)


# The descriptors are never compared nor printed; generating the methods for that would add a
# millisecond to the cold start of `upload`.
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Vips:
    """How libvips reads a format for which it was measured to be faster.

    docs/decisions/0003-imaging-engines.md has the measurements. Each function takes the picture and
    the target size in pixels.

    Attributes:
        loader: the function of libvips that only reads this format.
        is_faster: returns whether libvips reduces this picture faster than Pillow.
        options: returns the options of the loader.
        averages: returns whether the loader averages boxes of opaque pixels.
        held: returns its peak memory without the file and the result, bytes.
    """

    loader: str
    is_faster: Callable[[Encoded, Size], bool] = lambda *_: True
    options: Callable[[Encoded, Size], Mapping[str, Any]] = lambda *_: {}
    averages: Callable[[Encoded, Size], bool] = lambda *_: False
    held: Callable[[Encoded, Size], float] = lambda *_: 0


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Writer:
    """How thumbnails are written in a format.

    Attributes:
        quality: the default, 1 to 100; chosen so that thumbnails of all formats look alike.
        held_per_pixel: peak memory of the encoder, bytes, measured at 11 megapixels.
        options: returns the options of Pillow's writer for a quality.
        small_pixels: up to which number of pixels `small_options` are worth their time.
        small_options: further options of Pillow's writer for small pictures.
        held_per_transparent_pixel: `held_per_pixel` with transparency, if it differs.
        alpha: whether the format supports transparency.
        animation: whether it supports several frames.
        lossless: whether it is lossless at its default quality.
        palette: whether a quality below 100 selects a palette of that percentage of 256 colours.
        cleaned: corrects in an encoded animation what Pillow cannot write otherwise.
        plugin: name of the module that teaches Pillow to write it; None if Pillow can.
    """

    quality: int
    held_per_pixel: int
    options: Callable[[int], Mapping[str, Any]] = lambda _: {}
    small_pixels: int = 0
    small_options: Mapping[str, Any] = field(default_factory=dict)
    held_per_transparent_pixel: int | None = None
    alpha: bool = True
    animation: bool = True
    lossless: bool = False
    palette: bool = False
    cleaned: Callable[[bytes], bytes] = lambda data: data
    plugin: str | None = None

    def held(self, size: Size, *, transparent: bool) -> int:
        """Return the peak memory of encoding a picture of a size in pixels, bytes."""
        per_pixel = self.held_per_transparent_pixel if transparent else None
        return size[0] * size[1] * (per_pixel or self.held_per_pixel)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Format:
    """An accepted format.

    Modules that define formats are imported while serving requests. So they import no library, and
    refer to decoders by name, "module:name", which is imported when a picture is decoded. Readers
    of headers take time at most linear in the size of the file, and limit the number of its parts.

    Attributes:
        name: in requests; in capitals, Pillow's name.
        title: the name shown to people.
        content_type: the media type.
        extensions: of file names, without the dot; thumbnails get the first.
        begins: returns whether a file has this format, from its first bytes.
        read: reads the header of a file. Raises `Unprocessable`, or `struct.error` or `IndexError`
            if it is truncated; see `formats.read_header`.
        opener: name of the Pillow class that reads it.
        decode: name of a function that decodes and reduces, like `Engine.decode`; None to decode
            with Pillow, and then reduce.
        meanings: name of a function that returns what a file says of its colours, most important
            first, from the file and the ICC profile that its opener found, if any; see
            `colour.srgb`. None if there can be no more than that profile.
        lean: removes what the decoder must not get, which has no influence on pixels.
        first_frame: removes all frames but the first from an animation.
        decoder_turns: whether the decoder applies the orientation.
        animated: whether a picture may have several frames.
        patches: name of a function that yields the frames of an animation as they are stored, to be
            composed here; None if its decoder composes them.
        plays: returns how often an animation is played, 0 for ever, from Pillow's `loop`.
        held: returns the peak memory of Pillow for decoding and reducing a picture, bytes, computed
            from its header; the memory per pixel was measured, and rounded up.
        vips: how libvips reads it, if it is ever faster.
        is_whole: returns whether the end of a file is there. Only asked if a decoder has failed, to
            tell a truncated file from a damaged one; raises what `read` does.
        row_by_row: whether the first rows of a truncated file can be used.
        in_browsers: whether browsers display it.
        vector: whether it has no pixels of its own, so that thumbnails may be larger than the size
            that the file states.
        sample: a small picture that a process decodes when it starts, to load what that needs;
            empty if Pillow can write one.
        opt_in: whether it is accepted only where the setting `extra_formats` names it, because its
            decoder does much more than decode pixels.
    """

    name: str
    title: str
    content_type: str
    extensions: tuple[str, ...]
    begins: Callable[[bytes], bool]
    read: Callable[[bytes], Header]
    opener: str
    decode: str | None = None
    meanings: str | None = None
    lean: Callable[[bytes], bytes] = lambda data: data
    first_frame: Callable[[bytes], bytes] = lambda data: data
    decoder_turns: bool = False
    animated: bool = False
    patches: str | None = None
    plays: Callable[[int | None], int] = lambda loop: loop or 0
    held: Callable[[Encoded, Size], float] = held_as_pixels
    vips: Vips | None = None
    is_whole: Callable[[bytes], bool] = lambda _: True
    row_by_row: bool = False
    in_browsers: bool = True
    vector: bool = False
    sample: bytes = b""
    opt_in: bool = False


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class Output(Format):
    """An accepted format in which thumbnails can be written.

    Attributes:
        writer: how they are written.
    """

    writer: Writer


def beginning(*magic: bytes) -> Callable[[bytes], bool]:
    """Return a predicate for files that begin with one of these."""
    return lambda data: data.startswith(magic)
