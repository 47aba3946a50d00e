"""What a kitchen makes of pictures, in this process and in another: the same, to the byte."""

import io

import pytest
from PIL import Image

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.formats import OUTPUTS
from quickthumb.imaging.render import render
from quickthumb.kitchen import Kitchen
from quickthumb.limits import Limits
from quickthumb.problems import (
    CannotFit,
    Corrupt,
    NotAPicture,
    TooManyPixels,
    TooSlow,
    Unprocessable,
    UnsupportedFormat,
)
from tests.doubles import MemoryKitchen
from tests.pictures import SAMPLES, picture, sideways, size_of

LIMITS = Limits(max_pixels=1_000_000)
SMALL = (Rendition.square(32),)
ALL = (
    Rendition.square(64),
    Rendition("cover", 40, 20, "cover", "smart", "webp"),
    Rendition("avif", 24, 24, format="avif", quality=40),
    *(Rendition(name, 16, 16, format=name) for name in OUTPUTS),
    Rendition("light", 48, 48, format="png", max_bytes=4000, background="#ff8800"),
)


def moving(kind: str) -> bytes:
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "green", "blue")]
    out = io.BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=100)
    return out.getvalue()


PICTURES = {
    **{path.name: path.read_bytes() for path in sorted(SAMPLES.glob("*.*g"))},
    **{kind: picture(format=kind) for kind in ("BMP", "GIF", "TIFF", "WEBP", "AVIF")},
    **{f"moving {kind}": moving(kind) for kind in ("GIF", "PNG", "WEBP")},
    "sideways": sideways(64, 48),
    "cut off": picture(400, 300)[:-20],
}


@pytest.fixture(scope="module", params=["memory", "children"])
def kitchen(request):
    if request.param == "memory":
        yield MemoryKitchen(LIMITS)
        return
    kitchen = Kitchen(LIMITS)
    yield kitchen
    kitchen.close()


@pytest.mark.parametrize("name", PICTURES)
def test_every_rendition_is_made(kitchen, name):
    made = kitchen.render(PICTURES[name], ALL)
    assert [picture.name for picture in made.thumbnails] == [rendition.name for rendition in ALL]
    for thumbnail in made.thumbnails:
        assert size_of(thumbnail.data) == (thumbnail.width, thumbnail.height)
    assert made == render(PICTURES[name], ALL, LIMITS)


@pytest.mark.parametrize(
    ("data", "renditions", "error"),
    [
        (b"no picture", SMALL, NotAPicture),
        (b"%PDF-1.7", SMALL, UnsupportedFormat),
        (picture(2000, 600), SMALL, TooManyPixels),
        (picture()[:100], SMALL, Corrupt),
        (picture(), (Rendition("it", 64, 64, max_bytes=10),), CannotFit),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_picture_that_is_at_fault_is_refused(kitchen, data, renditions, error):
    with pytest.raises(error) as refused:
        kitchen.render(data, renditions)
    assert type(refused.value) is error
    with pytest.raises(Unprocessable) as expected:
        render(data, renditions, LIMITS)
    assert str(refused.value) == str(expected.value)


def test_warming_is_done_as_often_as_one_likes(kitchen):
    for _ in range(3):
        kitchen.warm()
    assert kitchen.render(picture(), SMALL).source.content_type == "image/jpeg"


@pytest.mark.parametrize("make", [MemoryKitchen, Kitchen])
def test_what_takes_too_long_is_too_slow(make):
    kitchen = make(Limits(max_seconds=0))
    with pytest.raises(TooSlow, match="longer than 0 seconds"):
        kitchen.render(picture(), SMALL)
    if isinstance(kitchen, Kitchen):
        kitchen.close()
