"""BMPs whose pixels are numbers of which any bits are a channel."""

import struct
from contextlib import nullcontext

import pytest

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.render import render
from quickthumb.imaging.source import probe
from quickthumb.limits import Limits
from quickthumb.problems import TooManyPixels, UnsupportedFormat
from tests.unit.imaging.pictures import LIMITS, colour, near, opened, thumbnail

Masks = tuple[int, int, int, int]

PLAIN, MASKED, MASKED_WITH_ALPHA = 0, 3, 6
ARGB1555: Masks = (0x7C00, 0x3E0, 0x1F, 0x8000)
ARGB4444: Masks = (0xF00, 0xF0, 0xF, 0xF000)
ARGB8888: Masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
RGBA8888: Masks = (0xFF000000, 0xFF0000, 0xFF00, 0xFF)
ABGR2101010: Masks = (0x3FF, 0xFFC00, 0x3FF00000, 0xC0000000)
NONE: Masks = (0, 0, 0, 0)


def bmp(
    bits: int,
    masks: Masks,
    *numbers: int,
    header: int = 108,
    compression: int = MASKED,
    top_down: bool = False,
    rows: int = 2,
) -> bytes:
    """Return a BMP of two alike rows with a pixel for each number."""
    height = -rows if top_down else rows
    info = struct.pack("<IiiHHIIiiII", header, len(numbers), height, 1, bits, compression, *[0] * 5)
    info = (info + struct.pack("<IIII", *masks)).ljust(header, b"\0")
    if header < 56 and compression != MASKED_WITH_ALPHA:
        info = info[: header if compression == PLAIN else max(header, 52)]
    row = struct.pack(f"<{len(numbers)}{'H' if bits == 16 else 'I'}", *numbers)
    stored = row.ljust(-(-len(row) // 4) * 4, b"\0") * rows
    start = 14 + len(info)
    return b"BM" + struct.pack("<IHHI", start + len(stored), 0, 0, start) + info + stored


def shown(data: bytes) -> list[tuple[int, ...]]:
    image = opened(thumbnail(data, 64, format="png")).convert("RGBA")
    return [colour(image, (x + 0.5) / image.width, 0.5) for x in range(image.width)]


RED, HALF_GREEN, HALF_WHITE = (255, 0, 0, 255), (0, 255, 0, 136), (255, 255, 255, 136)


@pytest.mark.parametrize(
    ("data", "right"),
    [
        (bmp(16, ARGB1555, 0xFC00, 0x83E0, 0x001F), [RED, (0, 255, 0, 255), (0, 0, 255, 0)]),
        (bmp(16, ARGB4444, 0xFF00, 0x80F0, 0x8FFF), [RED, HALF_GREEN, HALF_WHITE]),
        (bmp(16, ARGB4444, 0xFF00, 0x80F0, top_down=True), [RED, HALF_GREEN]),
        (bmp(16, (0xE0, 0x1C, 3, 0), 0xE0, 0x1C), [RED, (0, 255, 0, 255)]),
        (bmp(32, ARGB8888, 0xFFFF0000, 0x8800FF00), [RED, HALF_GREEN]),
        (bmp(32, ARGB8888, 0xFF0000, 0xFF00), [RED, (0, 255, 0, 255)]),
        (bmp(32, RGBA8888, 0xFF0000FF, 0x00FF0088), [RED, HALF_GREEN]),
        (bmp(32, ABGR2101010, 0xC00003FF, 0x800FFC00), [RED, (0, 255, 0, 170)]),
        (bmp(32, ARGB8888, 0xFFFF0000, 0x8800FF00, header=124), [RED, HALF_GREEN]),
        (bmp(32, ARGB8888, 0xFFFF0000, 0x8800FF00, header=56), [RED, HALF_GREEN]),
        (
            bmp(32, ARGB8888, 0xFFFF0000, 0x8800FF00, header=40, compression=MASKED_WITH_ALPHA),
            [RED, HALF_GREEN],
        ),
        (
            bmp(32, ARGB8888, 0xFFFF0000, 0x8800FF00, header=124, compression=PLAIN),
            [RED, HALF_GREEN],
        ),
        (
            bmp(32, NONE, 0xFFFF0000, 0x8800FF00, header=124, compression=PLAIN),
            [RED, (0, 255, 0, 255)],
        ),
        (
            bmp(32, NONE, 0xFFFF0000, 0x8800FF00, header=40, compression=PLAIN),
            [RED, (0, 255, 0, 255)],
        ),
    ],
)
def test_masks_tell_which_bits_are_a_channel(data: bytes, right: list[tuple[int, ...]]) -> None:
    assert all(
        a[3] == b[3] == 0 or near(a, b, by=1) for a, b in zip(shown(data), right, strict=True)
    )


@pytest.mark.parametrize(
    "masks",
    [
        (0xF00, 0xFF0, 0xF, 0xF000),
        (0xA00, 0xF0, 0xF, 0xF000),
        (0xF0000, 0xF0, 0xF, 0xF000),
    ],
    ids=["overlapping", "with a gap", "of more bits than a pixel"],
)
def test_impossible_masks_are_refused(masks: Masks) -> None:
    with pytest.raises(UnsupportedFormat, match="colour masks"):
        probe(bmp(16, masks, 0xFF00), LIMITS)


def test_masked_pixels_are_held_as_numbers_and_as_colours() -> None:
    data = bmp(32, ARGB8888, *[0xFFFF0000] * 500, rows=400)
    for most, fits in ((8 * 500 * 400 + 4 * 64 * 51, True), (8 * 500 * 400, False)):
        refusal = nullcontext() if fits else pytest.raises(TooManyPixels)
        with refusal:
            render(data, [Rendition.square(64)], Limits(max_decoded_bytes=most))
