import struct

import pytest
from PIL import Image

from quickthumb.imaging.source import probe
from quickthumb.problems import Corrupt, TooManyPixels
from tests.unit.imaging.icons import bitmap, icon
from tests.unit.imaging.pictures import LIMITS, colour, encoded, opened, photo, psnr, thumbnail

RED, BLUE = (255, 0, 0, 255), (0, 0, 255, 255)


def plain(side: int, rgba: tuple[int, ...] = RED, mode: str = "RGBA") -> Image.Image:
    return Image.new("RGBA", (side, side), rgba).convert(mode)


def shown(data: bytes, side: int = 64) -> Image.Image:
    return opened(thumbnail(data, side, format="png"))


def test_the_largest_image_is_shown_whatever_the_list_says() -> None:
    images = (encoded(plain(16), "PNG"), encoded(plain(64, BLUE), "PNG"), bitmap(plain(32)))
    data = icon(*images, stated=[(0, 0), (8, 8), (32, 32)])
    assert (probe(data, LIMITS).width, shown(data).size) == (64, (64, 64))
    assert colour(shown(data), 0.5, 0.5)[:3] == BLUE[:3]


def test_of_images_of_the_same_size_the_one_with_most_colours_is_shown() -> None:
    black = bitmap(Image.new("1", (32, 32)))
    red = bitmap(plain(32))
    for images in ((black, red), (red, black)):
        assert colour(shown(icon(*images)), 0.5, 0.5)[:3] == RED[:3]


def test_a_cursor_is_an_icon() -> None:
    assert shown(icon(bitmap(plain(32)), kind=2)).size == (32, 32)


@pytest.mark.parametrize("mode", ["RGBA", "RGB", "P", "L", "1"])
def test_bitmaps_of_every_depth_are_shown(mode: str) -> None:
    picture = photo(45, 31).convert(mode)
    assert psnr(shown(icon(bitmap(picture))).convert("RGB"), picture.convert("RGB")) > 45


def test_the_fourth_byte_of_a_pixel_is_its_opacity() -> None:
    data = icon(bitmap(plain(32, (255, 0, 0, 128)), mask=Image.new("1", (32, 32), 1)))
    assert colour(shown(data), 0.5, 0.5) == (255, 0, 0, 128)


@pytest.mark.parametrize("mode", ["RGBA", "RGB"])
def test_the_mask_counts_where_no_pixel_has_opacity(mode: str) -> None:
    mask = Image.new("1", (40, 40))
    mask.paste(1, (0, 0, 40, 20))
    image = shown(icon(bitmap(plain(40, (255, 0, 0, 0), mode), mask)))
    assert colour(image, 0.5, 0.2)[3] == 0
    assert colour(image, 0.5, 0.8) == RED


def test_a_bitmap_without_its_mask_is_opaque() -> None:
    image = bitmap(plain(32, mode="RGB"))
    assert colour(shown(icon(image[: -32 * 4])), 0.5, 0.5)[:3] == RED[:3]


def test_a_stated_length_that_is_too_short_does_not_matter() -> None:
    for image in (bitmap(plain(32)), encoded(plain(32), "PNG")):
        data = bytearray(icon(image))
        data[14:18] = struct.pack("<I", 8)
        assert colour(shown(bytes(data)), 0.5, 0.5)[:3] == RED[:3]


def test_images_beyond_the_end_are_left_out() -> None:
    data = bytearray(icon(bitmap(plain(32)), encoded(plain(64), "PNG")))
    data[6 + 16 + 12 : 6 + 16 + 16] = struct.pack("<I", 2**31)
    assert shown(bytes(data)).size == (32, 32)


def test_an_icon_without_any_image_is_corrupt() -> None:
    for data in (icon(b"", kind=1), icon(b"x" * 100)):
        with pytest.raises(Corrupt, match="no image"):
            probe(data, LIMITS)


def test_an_icon_with_thousands_of_images_is_corrupt() -> None:
    data = struct.pack("<HHH", 0, 1, 1001) + bytes(16 * 1001)
    with pytest.raises(Corrupt, match="1,001 images"):
        probe(data, LIMITS)


def test_a_bomb_within_an_icon_is_refused_by_its_header() -> None:
    packed = encoded(Image.new("1", (40_000, 40_000)), "PNG")
    bare = struct.pack("<IiiHHIIIIII", 40, 30_000, 60_000, 1, 1, 0, 0, 0, 0, 0, 0)
    for image in (packed, bare):
        with pytest.raises(TooManyPixels):
            probe(icon(image), LIMITS)
