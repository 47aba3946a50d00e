import pytest
from PIL import Image, ImageDraw

from quickthumb.imaging.crop import window
from quickthumb.imaging.faces import faces
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


def astronaut() -> Image.Image:
    with Image.open(SAMPLES / "astronaut.png") as sample:
        return sample.convert("RGB")


FACE = (180, 60, 270, 170)
"""Of the astronaut: left, top, right and bottom, pixels."""


@pytest.mark.parametrize("size", [(512, 170), (170, 512), (300, 300)])
def test_a_crop_around_faces_keeps_a_face(size: tuple[int, int]) -> None:
    kept = window(astronaut(), size, "face")
    assert kept[0] <= FACE[0]
    assert kept[1] <= FACE[1]
    assert kept[2] >= FACE[2]
    assert kept[3] >= FACE[3]


@pytest.mark.parametrize("left", [0, 500, 1000])
def test_a_face_is_found_wherever_it_is(left: int) -> None:
    scene = Image.new("RGB", (1200, 300), "#4d6a50")
    scene.paste(astronaut().crop((140, 0, 320, 220)), (left, 40))
    kept = window(scene, (300, 300), "face")
    assert kept[0] <= left + 40
    assert kept[2] >= left + 130


def test_a_crop_around_faces_is_a_smart_one_where_there_are_none() -> None:
    scene = Image.new("RGB", (600, 200), "#3c6e3c")
    ImageDraw.Draw(scene).rectangle((440, 40, 540, 160), fill="#2020d0")
    assert window(scene, (200, 200), "face") == window(scene, (200, 200), "smart")


def test_faces_are_found_where_they_are_and_not_elsewhere() -> None:
    best = faces(astronaut().resize((256, 256)))[0]
    assert FACE[0] <= best.x * 2 <= FACE[2]
    assert FACE[1] <= best.y * 2 <= FACE[3]
    assert 40 <= best.size * 2 <= 120
    for plain in (Image.new("RGB", (256, 256), "#c98d6b"), Image.new("RGB", (256, 1), "white")):
        assert faces(plain) == []


@pytest.mark.parametrize(
    ("focus", "kept"),
    [
        ((0.5, 0.5), (150, 0, 250, 100)),
        ((0.25, 0.9), (50, 0, 150, 100)),
        ((0.0, 0.0), (0, 0, 100, 100)),
        ((1.0, 1.0), (300, 0, 400, 100)),
        ((0.1, 0.5), (0, 0, 100, 100)),
    ],
)
def test_a_focus_is_in_the_middle_as_far_as_the_edges_allow(
    focus: tuple[float, float], kept: tuple[int, int, int, int]
) -> None:
    for gravity in ("center", "smart", "face"):
        assert window(Image.new("RGB", (400, 100)), (100, 100), gravity, focus) == kept


def test_a_focus_means_the_upright_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    stored = quarters(400, 200).transpose(Image.Transpose.ROTATE_90)
    turned = encoded(stored, "JPEG", exif=exif)
    left, right = (
        opened(thumbnail(turned, 50, 50, fit="cover", focus=(x, 0.5))) for x in (0.0, 1.0)
    )
    assert near(colour(left, 0.9, 0.1), (255, 0, 0))
    assert near(colour(right, 0.1, 0.9), (255, 255, 255))


@pytest.mark.parametrize("gravity", ["center", "smart", "face"])
@pytest.mark.parametrize("box", [(100, 30), (30, 100), (64, 64)])
def test_cover_fills_the_box(gravity: str, box: tuple[int, int]) -> None:
    data = encoded(photo(500, 300), "JPEG")
    assert opened(thumbnail(data, *box, fit="cover", gravity=gravity)).size == box


def test_cover_cuts_both_sides_alike() -> None:
    image = opened(thumbnail(encoded(quarters(400, 200), "PNG"), 100, 100, fit="cover"))
    assert near(colour(image, 0.1, 0.1), (255, 0, 0))
    assert near(colour(image, 0.9, 0.9), (255, 255, 255))


def test_a_face_behind_transparency_is_not_seen() -> None:
    scene = Image.new("RGBA", (600, 200), (60, 110, 60, 255))
    hidden = astronaut().crop((140, 0, 320, 200))
    hidden.putalpha(0)
    scene.paste(hidden, (0, 0))
    assert window(scene, (200, 200), "face")[0] >= 100
