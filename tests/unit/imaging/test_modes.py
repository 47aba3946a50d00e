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
def test_wide_numbers_reach_from_black_to_white(mode: str) -> None:
    image = Image.linear_gradient("L").convert(mode).point(lambda value: value * 90 + 5000)
    thumb = opened(thumbnail(encoded(image, "TIFF"), 128, format="png"))
    low, high = thumb.convert("L").getextrema()
    assert (low, high) <= (8, 255)
    assert high >= 247


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
