import base64
import re

from PIL import Image

from tests.unit.imaging.pictures import SAMPLES, colour, encoded, near, opened, photo, rendered


def test_a_placeholder_is_a_tiny_picture_in_a_data_uri() -> None:
    placeholder = rendered(encoded(photo(512, 256), "JPEG"), 256).placeholder
    head, _, body = placeholder.data_uri.partition(",")
    assert head == "data:image/webp;base64"
    assert opened(base64.b64decode(body)).size == (16, 8)


def test_a_placeholder_weighs_less_than_a_kilobyte() -> None:
    for sample in SAMPLES.glob("*.*g"):
        assert len(rendered(sample.read_bytes(), 256).placeholder.data_uri) < 1000


def test_the_colour_is_the_most_frequent_one() -> None:
    image = Image.new("RGB", (90, 90), "#c02040")
    image.paste("#1060a0", (0, 0, 90, 30))
    colour_ = rendered(encoded(image, "PNG"), 64).placeholder.color
    assert re.fullmatch("#[0-9a-f]{6}", colour_)
    assert near(tuple(bytes.fromhex(colour_[1:])), (0xC0, 0x20, 0x40))


def test_transparent_pixels_do_not_affect_the_colour() -> None:
    image = Image.new("RGBA", (90, 90), (0, 0, 0, 0))
    image.paste((10, 200, 30, 255), (0, 0, 30, 90))
    placeholder = rendered(encoded(image, "PNG"), 64).placeholder
    assert near(tuple(bytes.fromhex(placeholder.color[1:])), (10, 200, 30))
    tiny = opened(base64.b64decode(placeholder.data_uri.partition(",")[2]))
    assert colour(tiny, 0.9, 0.5)[3] == 0


def test_a_picture_that_is_all_transparent_has_a_placeholder_too() -> None:
    data = encoded(Image.new("RGBA", (50, 50), (0, 0, 0, 0)), "PNG")
    assert rendered(data, 20).placeholder.color == "#000000"
