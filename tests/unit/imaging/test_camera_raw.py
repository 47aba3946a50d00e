import struct
from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image

from quickthumb.imaging.formats.raw import preview
from quickthumb.imaging.source import probe
from quickthumb.problems import Corrupt, TooManyPixels, UnsupportedFormat
from tests.unit.imaging.camera import BYTE, CAMERAS, LONG, SHORT, Builder, dng
from tests.unit.imaging.pictures import (
    LIMITS,
    colour,
    encoded,
    near,
    opened,
    photo,
    psnr,
    quarters,
    rendered,
    thumbnail,
)

cameras = pytest.mark.parametrize("make", CAMERAS.values(), ids=CAMERAS)
Make = Callable[..., bytes]


@cameras
def test_the_largest_preview_is_shown(make: Make) -> None:
    image = opened(thumbnail(make(photo(600, 400)), 150, format="png")).convert("RGB")
    assert psnr(image, photo(600, 400).resize((150, 100), Image.Resampling.LANCZOS)) > 40


@cameras
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_raw_file_says_which_way_up(make: Make, orientation: int) -> None:
    done = rendered(make(quarters(160, 120), orientation), 80)
    size = (160, 120) if orientation < 5 else (120, 160)
    assert (done.source.width, done.source.height) == size
    assert done.source.orientation == orientation
    # Red is the corner that lies at the top left in the file.
    left = orientation in (1, 4, 5, 8)
    top = orientation in (1, 2, 5, 6)
    image = opened(done.thumbnails[0])
    assert near(colour(image, 0.1 if left else 0.9, 0.1 if top else 0.9), (255, 0, 0), 30)


def test_what_the_preview_says_about_its_orientation_does_not_count() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    out = BytesIO()
    quarters(160, 120).save(out, "JPEG", exif=exif)
    builder = Builder()
    at = builder.put(out.getvalue())
    data = builder.done(
        {513: (LONG, [at]), 514: (LONG, [len(out.getvalue())]), 50706: (BYTE, [1, 4, 0, 0])}
    )
    assert probe(data, LIMITS).orientation == 1


def test_an_ordinary_tiff_is_none() -> None:
    data = encoded(photo(60, 40), "TIFF", tiffinfo={271: "NIKON CORPORATION"})
    assert probe(data, LIMITS).content_type == "image/tiff"


def test_raw_pixels_in_a_jpeg_are_no_preview() -> None:
    small = encoded(photo(60, 40), "JPEG")
    builder = Builder()
    raw = encoded(photo(600, 400), "JPEG")
    places = {273: (LONG, [builder.put(raw)]), 279: (LONG, [len(raw)])}
    below = builder.directory({262: (SHORT, [32803]), **places})
    data = builder.done(
        {
            **{273: (LONG, [builder.put(small)]), 279: (LONG, [len(small)])},
            **{330: (LONG, [below]), 50706: (BYTE, [1, 4, 0, 0])},
        }
    )
    assert probe(data, LIMITS).width == 60


def test_a_preview_that_cannot_be_read_leaves_the_next() -> None:
    data = bytearray(dng(photo(600, 400)))
    large = preview(bytes(data))
    at = data.index(large)
    frame = at + large.index(b"\xff\xc0")
    data[frame + 4] = 12  # bits
    assert probe(bytes(data), LIMITS).width == 150


def test_a_file_without_a_preview_says_what_to_do() -> None:
    data = Builder().done({274: (SHORT, [1]), 50706: (BYTE, [1, 4, 0, 0])})
    with pytest.raises(UnsupportedFormat, match="no preview"):
        probe(data, LIMITS)


def test_directories_are_counted_and_each_is_read_once() -> None:
    chain = Builder()
    following = 0
    for _ in range(60):
        following = chain.directory({254: (LONG, [1])}, following)
    with pytest.raises(Corrupt, match="50 directories"):
        probe(chain.done({50706: (BYTE, [1, 4, 0, 0])}, following), LIMITS)
    circle = Builder()
    jpeg = encoded(photo(60, 40), "JPEG")
    places = {513: (LONG, [circle.put(jpeg)]), 514: (LONG, [len(jpeg)])}
    tags = {**places, 330: (LONG, [8] * 5), 50706: (BYTE, [1, 4, 0, 0])}
    assert probe(circle.done(tags, 8), LIMITS).width == 60


def test_previews_must_not_overlap() -> None:
    builder = Builder()
    jpeg = encoded(photo(60, 40), "JPEG")
    at = builder.put(jpeg + bytes(50_000))
    following = 0
    for number in range(40):
        following = builder.directory(
            {513: (LONG, [at]), 514: (LONG, [50_000 + number])}, following
        )
    with pytest.raises(Corrupt, match="overlap"):
        probe(builder.done({50706: (BYTE, [1, 4, 0, 0])}, following), LIMITS)


def test_a_preview_is_held_against_the_limits() -> None:
    data = bytearray(dng(photo(600, 400)))
    large = preview(bytes(data))
    frame = data.index(large) + large.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 50_000, 50_000)
    with pytest.raises(TooManyPixels, match="50000 x 50000"):
        probe(bytes(data), LIMITS)


@cameras
@pytest.mark.parametrize("share", [0.001, 0.02])
def test_a_truncated_file_is_refused(make: Make, share: float) -> None:
    data = make(photo(600, 400))
    with pytest.raises((Corrupt, UnsupportedFormat)):
        rendered(data[: int(share * len(data))], 100)
