import math
import struct

import pytest
from PIL import Image

from tests.unit.imaging.pictures import colour, encoded, near, opened, photo, psnr, thumbnail


def test_grey_stays_grey() -> None:
    data = encoded(photo(400, 300).convert("L"), "JPEG")
    image = opened(thumbnail(data, 100))
    assert image.mode == "L"
    assert (
        psnr(image, photo(400, 300).convert("L").resize((100, 75), Image.Resampling.LANCZOS)) > 30
    )


def test_sixteen_bits_become_eight() -> None:
    ramp = Image.linear_gradient("L").resize((400, 400))
    deep = ramp.convert("I").point(lambda value: value * 257).convert("I;16")
    image = opened(thumbnail(encoded(deep, "PNG"), 100, format="png"))
    assert psnr(image, ramp.resize((100, 100), Image.Resampling.LANCZOS)) > 46


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_black_and_white_becomes_grey_when_it_is_reduced(kind: str) -> None:
    stripes = Image.new("L", (400, 400), 255)
    for left in range(0, 400, 4):
        stripes.paste(0, (left, 0, left + 2, 400))
    image = opened(thumbnail(encoded(stripes.convert("1"), kind), 50, format="png"))
    assert near(colour(image, 0.5, 0.5), (127, 127, 127))


def test_a_palette_becomes_its_colours() -> None:
    image = opened(thumbnail(encoded(photo(400, 300).quantize(256), "PNG"), 100, format="png"))
    expected = photo(400, 300).quantize(256).convert("RGB")
    assert psnr(image, expected.resize((100, 75), Image.Resampling.LANCZOS)) > 45


@pytest.mark.parametrize("mode", ["I", "F"])
def test_wide_samples_are_stretched_from_black_to_white(mode: str) -> None:
    image = Image.linear_gradient("L").convert(mode).point(lambda value: value * 90 + 5000)
    thumb = opened(thumbnail(encoded(image, "TIFF"), 128, format="png"))
    low, high = thumb.convert("L").getextrema()
    assert (low, high) <= (8, 255)
    assert high >= 247


SHORT, LONG = 3, 4


def tiff(pixels: bytes, *, bits: int, kind: int = 1, white_is_zero: bool = False) -> bytes:
    """Return a grey TIFF of a row of 16 pixels: unsigned (1), signed (2) or float (3)."""
    tags = {256: 16, 257: 1, 258: bits, 259: 1, 262: 0 if white_is_zero else 1, 273: 0}
    tags |= {277: 1, 278: 1, 279: len(pixels), 339: kind}
    start = 8 + 2 + 12 * len(tags) + 4
    tags[273] = start
    entries = (
        struct.pack("<HHIHH", tag, SHORT, 1, value, 0)
        if tag in (258, 339)
        else struct.pack("<HHII", tag, LONG, 1, value)
        for tag, value in sorted(tags.items())
    )
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + b"".join(entries) + bytes(4) + pixels


RAMP = range(0, 256, 17)
"""From black to white in 16 steps."""


def shown(data: bytes) -> list[int]:
    return list(opened(thumbnail(data, 16, format="png")).convert("L").tobytes())


@pytest.mark.parametrize(
    ("bits", "white_is_zero"), [(8, False), (8, True), (12, False), (16, False), (16, True)]
)
def test_a_grey_tiff_is_as_bright_as_it_says(bits: int, white_is_zero: bool) -> None:
    most = 2**bits - 1
    levels = [most * each // 255 for each in RAMP]
    if bits == 12:
        packed = sum(level << bits * at for at, level in enumerate(reversed(levels)))
        pixels = packed.to_bytes(16 * bits // 8, "big")
    else:
        pixels = struct.pack(f"<16{'B' if bits == 8 else 'H'}", *levels)
    seen = shown(tiff(pixels, bits=bits, white_is_zero=white_is_zero))
    expected = [255 - each for each in RAMP] if white_is_zero else list(RAMP)
    assert max(abs(a - b) for a, b in zip(seen, expected, strict=True)) <= 1


@pytest.mark.parametrize("white_is_zero", [False, True])
def test_a_tiff_of_fractions_is_as_bright_as_it_says(white_is_zero: bool) -> None:
    pixels = struct.pack("<16f", *(each / 255 for each in RAMP))
    seen = shown(tiff(pixels, bits=32, kind=3, white_is_zero=white_is_zero))
    assert seen == sorted(seen, reverse=white_is_zero)
    assert (min(seen), max(seen)) == (0, 255)


@pytest.mark.parametrize("at", [0, 5])
@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_a_tiff_with_nan_shows_its_finite_values(odd: float, at: int) -> None:
    numbers = [each / 255 for each in RAMP]
    numbers[at] = odd
    seen = shown(tiff(struct.pack("<16f", *numbers), bits=32, kind=3))
    assert seen[at] == 0
    assert max(abs(a - b) for a, b in zip(seen, RAMP, strict=True) if b != RAMP[at]) <= 17


def test_a_tiff_of_only_nan_is_black() -> None:
    assert set(shown(tiff(struct.pack("<16f", *[math.nan] * 16), bits=32, kind=3))) == {0}


@pytest.mark.parametrize(("kind", "least"), [(1, 0), (2, -(2**31))])
def test_numbers_of_32_bits_are_shown_in_their_order(kind: int, least: int) -> None:
    numbers = [least + (2**32 - 1) * each // 255 for each in RAMP]
    seen = shown(tiff(struct.pack("<16I", *(n % 2**32 for n in numbers)), bits=32, kind=kind))
    assert max(abs(a - b) for a, b in zip(seen, RAMP, strict=True)) <= 1


def test_interlaced_and_plain_png_give_the_same() -> None:
    pyvips = pytest.importorskip("pyvips")
    image = photo(500, 400)
    picture = pyvips.Image.new_from_memory(image.tobytes(), 500, 400, 3, "uchar")
    one = opened(thumbnail(picture.pngsave_buffer(interlace=True), 100, format="png"))
    other = opened(thumbnail(picture.pngsave_buffer(), 100, format="png"))
    assert psnr(one, other) > 46


def test_a_deep_colour_png_loses_only_its_lower_bits() -> None:
    pyvips = pytest.importorskip("pyvips")
    image = photo(500, 400)
    picture = pyvips.Image.new_from_memory(image.tobytes(), 500, 400, 3, "uchar")
    deep = (picture.cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16")
    thumb = opened(thumbnail(deep.pngsave_buffer(), 100, format="png"))
    assert psnr(thumb, image.resize((100, 80), Image.Resampling.LANCZOS)) > 46


@pytest.mark.parametrize(("width", "height"), [(20_000, 10), (10, 20_000), (1, 1), (3, 2)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
def test_extreme_shapes_keep_at_least_a_pixel(width: int, height: int, kind: str) -> None:
    data = encoded(Image.new("RGB", (width, height), "#336699"), kind)
    image = opened(thumbnail(data, 256))
    assert max(image.size) == min(256, max(width, height))
    assert near(colour(image, 0.5, 0.5), (0x33, 0x66, 0x99))


def test_nothing_is_enlarged() -> None:
    assert opened(thumbnail(encoded(photo(100, 80), "JPEG"), 1000)).size == (100, 80)
