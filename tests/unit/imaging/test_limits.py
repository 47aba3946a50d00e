import time
from dataclasses import replace

import pytest
from PIL import Image

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.deadline import Deadline
from quickthumb.imaging.formats.jpeg import coefficient_bytes
from quickthumb.imaging.render import render
from quickthumb.imaging.source import probe
from quickthumb.limits import Limits
from quickthumb.problems import TooManyPixels, TooSlow
from tests.unit.imaging.pictures import KINDS, LIMITS, encoded, photo

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", KINDS)
def test_too_many_pixels_are_refused_from_the_header(kind: str) -> None:
    data = encoded(photo(300, 200), kind)
    assert probe(data, replace(LIMITS, max_pixels=60_000)).width == 300
    with pytest.raises(
        TooManyPixels, match="300 x 200 = 60,000 pixels: the limit is 59,999"
    ) as error:
        probe(data, replace(LIMITS, max_pixels=59_999))
    assert error.value.code == "too-many-pixels"


@pytest.mark.parametrize("kind", KINDS)
def test_a_side_that_is_too_long_is_refused(kind: str) -> None:
    data = encoded(photo(300, 200), kind)
    assert probe(data, replace(LIMITS, max_side=300)).width == 300
    with pytest.raises(TooManyPixels, match="299"):
        probe(data, replace(LIMITS, max_side=299))


def test_a_bomb_is_refused_without_decoding_it() -> None:
    data = encoded(Image.new("1", (60_000, 60_000)), "PNG")
    with pytest.raises(TooManyPixels):
        render(data, [Rendition.square(256)], Limits())


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    data = encoded(photo(64, 64), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(TooManyPixels, match="scans"):
        probe(data[:-2] + scan * 200 + data[-2:], Limits())


@pytest.mark.parametrize("kind", KINDS)
def test_what_would_take_too_much_memory_is_not_decoded(kind: str) -> None:
    options = {"progressive": True} if kind == "JPEG" else {}
    data = encoded(photo(1200, 900), kind, **options)
    with pytest.raises(TooManyPixels, match="MB"):
        render(data, [Rendition.square(256)], replace(LIMITS, max_decoded_bytes=100_000))


@pytest.mark.parametrize(
    ("options", "per_pixel"),
    [
        ({}, 0),
        ({"progressive": True}, 3),
        ({"progressive": True, "subsampling": "4:2:2"}, 4),
        ({"progressive": True, "subsampling": "4:4:4"}, 6),
    ],
)
def test_a_progressive_jpeg_is_held_as_coefficients(
    options: dict[str, object], per_pixel: int
) -> None:
    data = encoded(photo(320, 160), "JPEG", **options)
    assert coefficient_bytes(data) == per_pixel * 320 * 160


def test_a_large_transparent_thumbnail_is_a_png_unless_another_format_is_asked_for() -> None:
    data = encoded(Image.new("RGBA", (3000, 3000), (9, 90, 200, 100)), "PNG", compress_level=1)
    limits = Limits()
    [small] = render(data, [Rendition.square(64)], limits).thumbnails
    [large] = render(data, [Rendition.square(3000)], limits).thumbnails
    assert (small.content_type, large.content_type) == ("image/webp", "image/png")
    with pytest.raises(TooManyPixels, match="webp"):
        render(data, [Rendition("it", 3000, 3000, format="webp")], limits)


def test_a_job_that_takes_too_long_is_given_up() -> None:
    data = encoded(photo(300, 200), "JPEG")
    with pytest.raises(TooSlow) as error:
        render(data, [Rendition.square(100)], Limits(max_seconds=-1))
    assert error.value.code == "too-slow"


def test_the_time_is_up_when_it_is_over() -> None:
    now = [10.0]
    deadline = Deadline(5, clock=lambda: now[0])
    now[0] = 14.9
    deadline.check()
    now[0] = 15.1
    with pytest.raises(TooSlow, match="5 seconds"):
        deadline.check()


def test_a_large_file_leaves_less_memory_to_decode_it() -> None:
    limits = Limits(max_decoded_bytes=50 * 2**20)
    assert limits.decoded_beside(32 * 2**20) == 50 * 2**20
    assert limits.decoded_beside(42 * 2**20) == 40 * 2**20
    data = encoded(photo(300, 200), "JPEG")
    render(data, [Rendition.square(16)], Limits(max_decoded_bytes=2**20))
    with pytest.raises(TooManyPixels, match="MB of memory: the limit is"):
        # Behind the end of a JPEG anything may follow.
        render(data + bytes(33 * 2**20), [Rendition.square(16)], Limits(max_decoded_bytes=2**20))


def test_time_in_which_others_have_the_processor_does_not_count():
    deadline = Deadline(0.1)
    time.sleep(0.15)
    deadline.check()
    end = time.process_time() + 0.15
    while time.process_time() < end:
        pass
    with pytest.raises(TooSlow, match=r"longer than 0.1 seconds"):
        deadline.check()
