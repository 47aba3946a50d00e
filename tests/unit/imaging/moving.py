"""Animations put together frame by frame, and what browsers show of each frame."""

import struct
import zlib
from typing import NamedTuple

from PIL import Image

from tests.unit.imaging.containers import chunk, webp, webp_chunk
from tests.unit.imaging.pictures import encoded

WIDTH, HEIGHT = SIZE = (20, 16)
PLACES = ((0.15, 0.25), (0.5, 0.25), (0.9, 0.9))
"""Of the colours in `Case.frames`, as shares of width and height."""

Colour = tuple[int, int, int, int]

NOTHING, RED, GREEN, BLUE = (0, 0, 0, 0), (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255)
BLACK, CYAN, HALF_BLUE = (0, 0, 0, 255), (0, 255, 255, 255), (0, 0, 255, 128)
PALETTE = bytes((0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255))
"""Black, red, green and blue."""

KEEP, CLEAR, RESTORE = 1, 2, 3
"""Disposals of a GIF."""


class Case(NamedTuple):
    """An animation, and the colours at `PLACES` of each of its frames."""

    name: str
    data: bytes
    frames: list[list[Colour]]
    size: tuple[int, int] = SIZE


def gif(
    *frames: bytes, size: tuple[int, int] = SIZE, palette: bytes = PALETTE, background: int = 0
) -> bytes:
    """Return a GIF that is played for ever."""
    flags = 0x80 | (len(palette) // 3).bit_length() - 2 if palette else 0
    screen = b"GIF89a" + struct.pack("<HHBBB", *size, flags, background, 0) + palette
    return screen + b"!\xff\x0bNETSCAPE2.0\3\1\0\0\0" + b"".join(frames) + b";"


def gif_part(
    box: tuple[int, int, int, int],
    colour: int | list[int],
    *,
    dispose: int = KEEP,
    transparent: int | None = None,
    palette: bytes = b"",
    interlace: bool = False,
) -> bytes:
    """Return a frame at left, top, width and height: of one colour, or of one for each pixel."""
    left, top, width, height = box
    flags = dispose << 2 | (transparent is not None)
    control = struct.pack("<BHBB", flags, 50, transparent or 0, 0)
    own = 0x80 | (len(palette) // 3).bit_length() - 2 if palette else 0
    place = struct.pack("<HHHHB", left, top, width, height, own | interlace << 6)
    return b"!\xf9\4" + control + b"," + place + palette + _packed(width, height, colour, interlace)


def _packed(width: int, height: int, colour: int | list[int], interlace: bool) -> bytes:
    if not width * height:
        return b"\2\1\0\0"
    image = Image.new("P", (width, height), colour if isinstance(colour, int) else 0)
    image.putpalette(bytes(768))
    if not isinstance(colour, int):
        image.putdata(colour)
    plain = encoded(image, "GIF", optimize=False, interlace=interlace)
    return plain[plain.index(b",", 13 + 768) + 10 : -1]


def whole(colour: int | list[int], **options: int | None) -> bytes:
    """Return a frame of a GIF that covers it."""
    return gif_part((0, 0, *SIZE), colour, **options)  # type: ignore[arg-type]


class Apng:
    """An animated PNG in the making; frames are drawn from the top left corner."""

    def __init__(self, frames: int) -> None:
        self._chunks = [chunk(b"acTL", struct.pack(">II", frames, 0))]
        self._count = 0

    def still(self, colour: Colour) -> "Apng":
        """Add the picture for viewers without animation."""
        self._chunks.append(chunk(b"IDAT", pixels(SIZE, colour)))
        return self

    def frame(
        self,
        colour: Colour,
        size: tuple[int, int] = SIZE,
        *,
        at: tuple[int, int] = (0, 0),
        dispose: int = 0,
        over: bool = False,
        number: int | None = None,
    ) -> "Apng":
        """Add a frame; the first is also the picture for viewers without animation."""
        first = len(self._chunks) == 1
        content = struct.pack(">IIIIHHBB", *size, *at, 50, 100, dispose, over)
        self._add(b"fcTL", content, number)
        if first:
            return self.still(colour)
        self._add(b"fdAT", pixels(size, colour), None)
        return self

    def _add(self, kind: bytes, content: bytes, number: int | None) -> None:
        numbered = struct.pack(">I", self._count if number is None else number)
        self._chunks.append(chunk(kind, numbered + content))
        self._count += 1

    def done(self) -> bytes:
        """Return the file."""
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", *SIZE, 8, 6, 0, 0, 0))
        return b"\x89PNG\r\n\x1a\n" + header + b"".join(self._chunks) + chunk(b"IEND")


def pixels(size: tuple[int, int], colour: Colour) -> bytes:
    """Return the compressed pixels of a PNG in RGBA."""
    return zlib.compress((b"\0" + bytes(colour) * size[0]) * size[1])


def animated_webp(*frames: bytes) -> bytes:
    return webp(webp_chunk(b"ANIM", bytes(6)), *frames, flags=0x12, size=SIZE)


def webp_part(
    box: tuple[int, int, int, int], colour: Colour, *, clear: bool = False, over: bool = True
) -> bytes:
    """Return a frame of a WebP at left, top (even numbers), width and height."""
    left, top, width, height = box
    numbers = (left // 2, top // 2, width - 1, height - 1, 500)
    place = b"".join(each.to_bytes(3, "little") for each in numbers)
    image = encoded(Image.new("RGBA", (width, height), colour), "WEBP", lossless=True, exact=True)
    start = image.index(b"VP8L")
    return webp_chunk(b"ANMF", place + bytes((clear | (not over) << 1,)) + image[start:])


LEFT = (0, 0, 10, HEIGHT)
CORNER = (0, 0, 4, 4)
SMALL = (4, 4)
HALF = (10, HEIGHT)

ALL_RED, ALL_GREEN = [RED] * 3, [GREEN] * 3
LEFT_GREEN = [GREEN, RED, RED]
HALF_RED_OVER_HALF_BLUE = (170, 0, 85, 192)
HALF_BLUE_OVER_RED = (127, 0, 128, 255)

GIFS = (
    Case(
        "a first frame larger than the screen extends it",
        gif(gif_part((0, 0, 40, 30), 1), gif_part((5, 5, 8, 8), 2)),
        [ALL_RED, [GREEN, RED, RED]],
        (40, 30),
    ),
    Case(
        "what no frame covers is transparent",
        gif(gif_part((10, 8, 10, 8), 1), gif_part((0, 0, 8, 8), 2), background=3),
        [[NOTHING, NOTHING, RED], [GREEN, NOTHING, RED]],
    ),
    Case(
        "disposal to background clears to transparent",
        gif(whole(1), gif_part(LEFT, 2, dispose=CLEAR), gif_part(CORNER, 3), background=3),
        [ALL_RED, LEFT_GREEN, [NOTHING, RED, RED]],
    ),
    Case(
        "the background colour is never shown",
        gif(
            gif_part(LEFT, 1, dispose=CLEAR),
            gif_part((10, 0, 10, HEIGHT), 2, transparent=2),
            background=3,
        ),
        [[RED, NOTHING, NOTHING], [NOTHING] * 3],
    ),
    Case(
        "disposal to previous restores what was there",
        gif(whole(1), gif_part(LEFT, 2, dispose=RESTORE), gif_part(CORNER, 3)),
        [ALL_RED, LEFT_GREEN, ALL_RED],
    ),
    Case(
        "disposal to previous clears after the first frame",
        gif(whole(1, dispose=RESTORE), gif_part(CORNER, 3)),
        [ALL_RED, [NOTHING] * 3],
    ),
    Case(
        "a disposal of 4 is one of 3, as old encoders meant it",
        gif(whole(1), whole(2, dispose=4), gif_part(CORNER, 3)),
        [ALL_RED, ALL_GREEN, ALL_RED],
    ),
    Case(
        "an unknown disposal keeps the frame",
        gif(whole(1), whole(2, dispose=5), gif_part(CORNER, 3)),
        [ALL_RED, ALL_GREEN, ALL_GREEN],
    ),
    Case(
        "a disposal holds for its own frame only",
        gif(
            whole(1),
            gif_part(LEFT, 2, dispose=CLEAR),
            gif_part((0, 0, WIDTH, 8), 3, dispose=0),
            gif_part(CORNER, 1, dispose=0),
        ),
        [ALL_RED, LEFT_GREEN, [BLUE, BLUE, RED], [BLUE, BLUE, RED]],
    ),
    Case(
        "frames that reach beyond the screen are cut",
        gif(whole(1), gif_part((10, 0, 30, 40), 2, dispose=CLEAR), gif_part((0, 10, 40, 40), 3)),
        [ALL_RED, [RED, GREEN, GREEN], [RED, NOTHING, BLUE]],
    ),
    Case(
        "a frame beside the screen shows nothing",
        gif(whole(1), gif_part((30, 30, 4, 4), 2), gif_part(CORNER, 3)),
        [ALL_RED, ALL_RED, ALL_RED],
    ),
    Case(
        "a frame without pixels shows nothing",
        gif(whole(1), gif_part((0, 0, 0, 0), 2), gif_part(CORNER, 3)),
        [ALL_RED, ALL_RED, ALL_RED],
    ),
    Case(
        "each frame has its own transparent colour",
        gif(
            whole(([2] * 10 + [1] * 10) * HEIGHT, transparent=2),
            whole(([3] * 10 + [2] * 10) * HEIGHT, transparent=2),
        ),
        [[NOTHING, RED, RED], [BLUE, RED, RED]],
    ),
    Case(
        "a frame may have its own palette, and be interlaced",
        gif(whole(1), gif_part(LEFT, 1, palette=bytes((9, 9, 9, 0, 255, 255)), interlace=True)),
        [ALL_RED, [CYAN, RED, RED]],
    ),
    Case(
        "without any palette all is black",
        gif(gif_part(LEFT, 1), gif_part(CORNER, 3), palette=b""),
        [[BLACK, NOTHING, NOTHING], [BLACK, NOTHING, NOTHING]],
    ),
)

PNGS = (
    Case(
        "half transparent over opaque is opaque",
        Apng(3).frame(RED).frame(HALF_BLUE, HALF, over=True).frame(HALF_BLUE, SMALL).done(),
        [ALL_RED, [HALF_BLUE_OVER_RED, RED, RED], [HALF_BLUE_OVER_RED, RED, RED]],
    ),
    Case(
        "half transparent over half transparent",
        Apng(2).frame(HALF_BLUE).frame((255, 0, 0, 128), HALF, over=True).done(),
        [[HALF_BLUE] * 3, [HALF_RED_OVER_HALF_BLUE, HALF_BLUE, HALF_BLUE]],
    ),
    Case(
        "a frame that is not over replaces what was there",
        Apng(2).frame(RED).frame(HALF_BLUE, HALF).done(),
        [ALL_RED, [HALF_BLUE, RED, RED]],
    ),
    Case(
        "disposal to background",
        Apng(3).frame(RED).frame(GREEN, HALF, dispose=1).frame(BLUE, SMALL).done(),
        [ALL_RED, LEFT_GREEN, [NOTHING, RED, RED]],
    ),
    Case(
        "disposal to previous",
        Apng(3).frame(RED).frame(GREEN, HALF, dispose=2).frame(BLUE, SMALL).done(),
        [ALL_RED, LEFT_GREEN, ALL_RED],
    ),
    Case(
        "disposal to previous clears after the first frame of a PNG",
        Apng(2).frame(RED, dispose=2).frame(GREEN, HALF).done(),
        [ALL_RED, [GREEN, NOTHING, NOTHING]],
    ),
    Case(
        "a picture for viewers without animation is not shown",
        Apng(2).still(RED).frame(GREEN).frame(BLUE).done(),
        [ALL_GREEN, [BLUE] * 3],
    ),
    Case(
        "the first frame may be smaller than the picture that is not shown",
        Apng(2).still(RED).frame(GREEN, HALF).frame(BLUE, SMALL, at=(8, 8)).done(),
        [[GREEN, NOTHING, NOTHING], [GREEN, NOTHING, NOTHING]],
    ),
    Case(
        "a frame beyond the picture ends the animation",
        Apng(4).frame(RED).frame(GREEN).frame(BLUE, HALF, at=(15, 8)).frame(BLUE, SMALL).done(),
        [ALL_RED, ALL_GREEN],
    ),
    Case(
        "a frame out of order ends the animation",
        Apng(3).frame(RED).frame(GREEN).frame(BLUE, number=9).done(),
        [ALL_RED, ALL_GREEN],
    ),
)

WEBPS = (
    Case(
        "what no frame of a WebP covers is transparent",
        animated_webp(webp_part((10, 8, 10, 8), RED), webp_part((0, 0, 8, 8), GREEN)),
        [[NOTHING, NOTHING, RED], [GREEN, NOTHING, RED]],
    ),
    Case(
        "a frame of a WebP is disposed of to transparent",
        animated_webp(
            webp_part((0, 0, *SIZE), RED),
            webp_part(LEFT, GREEN, clear=True),
            webp_part(CORNER, BLUE),
        ),
        [ALL_RED, LEFT_GREEN, [NOTHING, RED, RED]],
    ),
    Case(
        "a frame of a WebP is blended, or replaces what was there",
        animated_webp(
            webp_part((0, 0, *SIZE), RED),
            webp_part(LEFT, HALF_BLUE),
            webp_part((10, 0, 10, HEIGHT), HALF_BLUE, over=False),
        ),
        [ALL_RED, [HALF_BLUE_OVER_RED, RED, RED], [HALF_BLUE_OVER_RED, HALF_BLUE, HALF_BLUE]],
    ),
)

CASES = (*GIFS, *PNGS, *WEBPS)
