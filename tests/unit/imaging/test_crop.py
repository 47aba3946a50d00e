import pytest
from PIL import Image, ImageDraw

from quickthumb.imaging.crop import window
from tests.unit.imaging.pictures import (
    SAMPLES,
    colour,
    encoded,
    near,
    opened,
    photo,
    quarters,
    thumbnail,
)


def test_center_keeps_the_middle() -> None:
    assert window(Image.new("RGB", (400, 100)), (100, 100), "center") == (150, 0, 250, 100)
    assert window(Image.new("RGB", (100, 401)), (100, 100), "center") == (0, 150, 100, 250)


@pytest.mark.parametrize("left", [20, 300, 520])
def test_smart_keeps_what_stands_out(left: int) -> None:
    scene = Image.new("RGB", (640, 160), "#7f8c8d")
    scene.paste(photo(100, 100), (left, 30))
    kept = window(scene, (160, 160), "smart")
    assert kept[0] <= left + 10
    assert kept[2] >= left + 90


def test_smart_finds_skin_before_foliage() -> None:
    scene = Image.new("RGB", (600, 200), "#3c6e3c")
    draw = ImageDraw.Draw(scene)
    draw.ellipse((440, 40, 540, 160), fill="#c98d6b")
    kept = window(scene, (200, 200), "smart")
    assert kept[0] <= 450
    assert kept[2] >= 530


def test_smart_of_a_plain_picture_is_the_middle() -> None:
    assert window(Image.new("RGB", (400, 100), "white"), (100, 100), "smart") == (150, 0, 250, 100)


def test_transparent_pixels_are_not_salient() -> None:
    scene = Image.new("RGBA", (400, 100), (90, 90, 90, 255))
    hidden = photo(100, 100)
    hidden.putalpha(0)
    scene.paste(hidden, (0, 0))
    scene.paste(photo(90, 90), (305, 5))
    kept = window(scene, (100, 100), "smart")
    assert kept[0] >= 280


def test_smart_keeps_the_face_of_a_portrait() -> None:
    with Image.open(SAMPLES / "astronaut.png") as sample:
        left, top, right, bottom = window(sample.convert("RGB"), (512, 200), "smart")
    assert (left, right) == (0, 512)
    assert top <= 70  # the hair
    assert bottom >= 200  # the chin


@pytest.mark.parametrize("gravity", ["center", "smart"])
@pytest.mark.parametrize("box", [(100, 30), (30, 100), (64, 64)])
def test_cover_fills_the_box(gravity: str, box: tuple[int, int]) -> None:
    data = encoded(photo(500, 300), "JPEG")
    assert opened(thumbnail(data, *box, fit="cover", gravity=gravity)).size == box


def test_cover_cuts_both_sides_alike() -> None:
    image = opened(thumbnail(encoded(quarters(400, 200), "PNG"), 100, 100, fit="cover"))
    assert near(colour(image, 0.1, 0.1), (255, 0, 0))
    assert near(colour(image, 0.9, 0.9), (255, 255, 255))
