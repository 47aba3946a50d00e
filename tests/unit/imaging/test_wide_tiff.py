"""TIFFs whose samples Pillow does not know."""

import math
import struct
import zlib
from collections.abc import Callable, Sequence

import pytest

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.decoders import wide_tiff
from quickthumb.imaging.render import render
from quickthumb.imaging.source import probe
from quickthumb.limits import Limits
from quickthumb.problems import Corrupt, TooManyPixels, UnsupportedFormat
from tests.unit.imaging.pictures import LIMITS, colour, near, opened, thumbnail

pytest.importorskip("pyvips")

Sample = int | float
Pixel = tuple[Sample, ...]

COLOURS = ((200, 40, 40), (40, 160, 60), (240, 240, 240))
WIDTH, HEIGHT = 12, 8
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
RGB, PALETTE, CMYK, LAB = 2, 3, 5, 8
PLANAR = 2
DEFLATE, RAW = 8, 1
CODES = {
    (UNSIGNED, 8): "B",
    (UNSIGNED, 16): "H",
    (UNSIGNED, 32): "I",
    (SIGNED, 8): "b",
    (SIGNED, 16): "h",
    (SIGNED, 32): "i",
    (FLOAT, 16): "e",
    (FLOAT, 32): "f",
}


def tiff(
    pixels: Sequence[Pixel],
    photometric: int,
    kind: int,
    bits: int,
    *,
    planar: int = 1,
    extra: Sequence[int] = (),
    colours: Sequence[int] = (),
    compression: int = RAW,
    order: str = "<",
    orientation: int = 1,
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> bytes:
    """Return a TIFF; `pixels` are those of a row, and all rows are alike."""
    samples = len(pixels[0])
    code = CODES[kind, bits]
    if planar == PLANAR:
        rows = [struct.pack(f"{order}{len(row)}{code}", *row) for row in zip(*pixels, strict=True)]
    else:
        row = [sample for pixel in pixels for sample in pixel]
        rows = [struct.pack(f"{order}{len(row)}{code}", *row)]
    strips = [each * size[1] for each in rows]
    if compression == DEFLATE:
        strips = [zlib.compress(each) for each in strips]
    starts = [8 + sum(map(len, strips[:number])) for number in range(len(strips))]
    tags: dict[int, tuple[str, Sequence[int]]] = {
        256: ("I", [size[0]]),
        257: ("I", [size[1]]),
        258: ("H", [bits] * samples),
        259: ("H", [compression]),
        262: ("H", [photometric]),
        273: ("I", starts),
        274: ("H", [orientation]),
        277: ("H", [samples]),
        278: ("I", [size[1]]),
        279: ("I", [len(each) for each in strips]),
        284: ("H", [planar]),
        320: ("H", colours),
        338: ("H", extra),
        339: ("H", [kind] * samples),
    }
    body = b"".join(strips)
    entries = b""
    given = {tag: each for tag, each in tags.items() if each[1]}
    for tag, (type_, values) in sorted(given.items()):
        stored = struct.pack(f"{order}{len(values)}{type_}", *values)
        entries += struct.pack(f"{order}HHI", tag, 4 if type_ == "I" else 3, len(values))
        if len(stored) <= 4:
            entries += stored.ljust(4, b"\0")
        else:
            entries += struct.pack(f"{order}I", 8 + len(body))
            body += stored
    mark = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(f"{order}H", len(given)) + entries + bytes(4)
    return mark + struct.pack(f"{order}I", 8 + len(body)) + body + directory


def row(of: Callable[[int, int, int], Pixel], *more: Sample) -> list[Pixel]:
    """Return a row of three colours, each with these samples behind it."""
    return [(*of(*COLOURS[x * 3 // WIDTH]), *more) for x in range(WIDTH)]


def patches(data: bytes) -> list[tuple[int, ...]]:
    image = opened(thumbnail(data, WIDTH, format="png"))
    assert image.size == (WIDTH, HEIGHT)
    return [colour(image.convert("RGBA"), x, 0.5) for x in (0.15, 0.5, 0.9)]


def wide(red: int, green: int, blue: int) -> Pixel:
    return (red * 257, green * 257, blue * 257)


def fraction(red: int, green: int, blue: int) -> Pixel:
    return (red / 255, green / 255, blue / 255)


def inverted(red: int, green: int, blue: int) -> Pixel:
    return (255 - red, 255 - green, 255 - blue, 0)


# With the white of D65, as libvips takes it.
LAB_OF_COLOURS = ((44.2, 60.9, 40.8), (58.0, -53.1, 42.0), (94.8, 0, 0))


def lab_row() -> list[Pixel]:
    return [
        (round(light / 100 * 65_535), round(a * 256) % 65_536, round(b * 256) % 65_536)
        for light, a, b in (LAB_OF_COLOURS[x * 3 // WIDTH] for x in range(WIDTH))
    ]


def wide_palette() -> list[int]:
    """Return a colour map of 65,536 colours, of which every thousandth is used."""
    stored = [0] * 3 * 65_536
    for number, each in enumerate(COLOURS):
        for channel, level in enumerate(each):
            stored[channel * 65_536 + 1_000 * number] = level * 257
    return stored


def narrow_palette() -> list[int]:
    """Return a colour map of 8-bit levels."""
    stored = [0] * 3 * 256
    for number, each in enumerate(COLOURS):
        for channel, level in enumerate(each):
            stored[channel * 256 + number] = level
    return stored


BYTES_SIGNED = row(lambda *levels: tuple(level - 128 for level in levels))
WIDE_SIGNED = row(lambda *levels: tuple(level * 257 - 32_768 for level in levels))
WIDEST = row(lambda *levels: tuple(level * 0x1010101 for level in levels))
WIDEST_SIGNED = row(lambda *levels: tuple(level * 0x1010101 - 2**31 for level in levels))
INDEXES = [(x * 3 // WIDTH,) for x in range(WIDTH)]

LAYOUTS = {
    "planes of 16 bits": (row(wide), RGB, UNSIGNED, 16, {"planar": PLANAR}),
    "planes of 16 bits, with alpha": (
        *(row(wide, 32_896), RGB, UNSIGNED, 16),
        {"planar": PLANAR, "extra": (2,)},
    ),
    "planes of 16 bits, with one that means nothing": (
        *(row(wide, 0), RGB, UNSIGNED, 16),
        {"planar": PLANAR, "extra": (0,)},
    ),
    "fractions": (row(fraction), RGB, FLOAT, 32, {}),
    "short fractions": (row(fraction), RGB, FLOAT, 16, {}),
    "planes of fractions": (row(fraction), RGB, FLOAT, 32, {"planar": PLANAR}),
    "fractions with alpha": (row(fraction, 0.502), RGB, FLOAT, 32, {"extra": (2,)}),
    "signed bytes": (BYTES_SIGNED, RGB, SIGNED, 8, {}),
    "signed 16 bits": (WIDE_SIGNED, RGB, SIGNED, 16, {}),
    "32 bits": (WIDEST, RGB, UNSIGNED, 32, {}),
    "signed 32 bits": (WIDEST_SIGNED, RGB, SIGNED, 32, {}),
    "CMYK with alpha": (row(inverted, 128), CMYK, UNSIGNED, 8, {"extra": (2,)}),
    "CMYK of 16 bits with alpha": (
        *([tuple(int(level) * 257 for level in each) for each in row(inverted, 128)],),
        *(CMYK, UNSIGNED, 16, {"extra": (2,)}),
    ),
    "LAB of 16 bits": (lab_row(), LAB, UNSIGNED, 16, {}),
    "a palette of 16 bits": (
        *([(1_000 * index,) for [index] in INDEXES], PALETTE, UNSIGNED, 16),
        {"colours": wide_palette()},
    ),
    "a palette of 8-bit levels": (INDEXES, PALETTE, UNSIGNED, 8, {"colours": narrow_palette()}),
}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [RAW, DEFLATE])
@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_shown_in_its_colours(name: str, compression: int, order: str) -> None:
    pixels, photometric, kind, bits, options = LAYOUTS[name]
    data = tiff(pixels, photometric, kind, bits, compression=compression, order=order, **options)
    alpha = 128 if "with alpha" in name else 255
    for shown, right in zip(patches(data), COLOURS, strict=True):
        assert near(shown, (*right, alpha), by=2 if "LAB" in name else 1), shown


def test_associated_alpha_is_taken_out_of_the_colours() -> None:
    half = row(lambda *levels: tuple(level / 510 for level in levels), 0.5)
    data = tiff(half, RGB, FLOAT, 32, extra=(1,))
    assert all(
        near(shown, (*right, 128), by=2)
        for shown, right in zip(patches(data), COLOURS, strict=True)
    )


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_it_is_turned_upright(orientation: int) -> None:
    data = tiff(row(fraction), RGB, FLOAT, 32, orientation=orientation)
    image = opened(thumbnail(data, WIDTH, format="png")).convert("RGB")
    first, last = {3: ((0.95, 0.5), (0, 0.5)), 6: ((0.5, 0), (0.5, 0.95))}.get(
        orientation, ((0.5, 0.95), (0.5, 0))
    )
    assert image.size == ((WIDTH, HEIGHT) if orientation == 3 else (HEIGHT, WIDTH))
    assert near(colour(image, *first), COLOURS[0], by=1)
    assert near(colour(image, *last), COLOURS[2], by=1)


def test_fractions_beyond_black_and_white_are_cut() -> None:
    beyond = [(-math.inf, math.inf, 7.5)] * 6 + [(math.nan, -3, 0.5)] * 6
    shown = patches(tiff(beyond, RGB, FLOAT, 32))
    assert near(shown[0][:3], (0, 255, 255))
    assert shown[2][1] == 0
    assert near(shown[2][2:3], (128,), by=1)


def test_it_is_reduced() -> None:
    data = tiff(row(wide) * 20, RGB, UNSIGNED, 16, planar=PLANAR, size=(WIDTH * 20, 160))
    image = opened(thumbnail(data, 60))
    assert image.size == (60, 40)


def test_a_strip_that_is_too_large_to_be_held_is_refused() -> None:
    data = tiff(row(wide) * 50, RGB, UNSIGNED, 16, planar=PLANAR, size=(WIDTH * 50, 400))
    strip = WIDTH * 50 * 400 * 6
    assert render(data, [Rendition.square(10)], Limits(max_decoded_bytes=2 * strip + 12 * 100))
    with pytest.raises(TooManyPixels, match="MB of memory"):
        render(data, [Rendition.square(10)], Limits(max_decoded_bytes=2 * strip))


def test_it_is_named_truncated_if_its_end_is_missing() -> None:
    data = tiff(row(fraction), RGB, FLOAT, 32, compression=DEFLATE)
    [start] = struct.unpack_from("<I", data, 4)
    whole = bytearray(data)
    entry = data.index(struct.pack("<HHI", 279, 4, 1), start)
    struct.pack_into("<I", whole, entry + 8, 10 * len(data))
    with pytest.raises(Corrupt, match=r"^The TIFF picture is truncated\.$"):
        thumbnail(bytes(whole), 8)


def test_it_is_refused_where_libvips_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    data = tiff(row(fraction), RGB, FLOAT, 32)
    assert probe(data, LIMITS)
    monkeypatch.setattr(wide_tiff, "is_there", lambda: False)
    with pytest.raises(UnsupportedFormat, match="pixel layout"):
        thumbnail(data, 8)
