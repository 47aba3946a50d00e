"""Small, mostly valid files made to exhaust memory or time."""

import struct
import tracemalloc
import zlib
from itertools import count

import pytest
from PIL import Image

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.deadline import Deadline
from quickthumb.imaging.engines.pillow import PillowEngine
from quickthumb.imaging.formats.jpeg import coefficient_bytes
from quickthumb.imaging.opening import open_picture
from quickthumb.imaging.render import render
from quickthumb.imaging.source import probe
from quickthumb.limits import Limits
from quickthumb.problems import Corrupt, TooManyPixels, TooSlow
from tests.unit.imaging.containers import chunk, gif_frame, gif_with, png_with, tiff
from tests.unit.imaging.pictures import LIMITS, encoded, opened, photo, psnr, thumbnail

MEGABYTES = 1_000_000


def test_many_segments_cannot_hide_that_a_jpeg_is_progressive() -> None:
    data = encoded(photo(320, 160), "JPEG", progressive=True)
    with_many = data[:2] + b"\xff\xe5\0\2" * 9_000 + data[2:]
    assert coefficient_bytes(with_many) == coefficient_bytes(data) > 0


def test_a_progressive_jpeg_with_arithmetic_coding_is_held_as_coefficients_too() -> None:
    data = bytearray(encoded(photo(320, 160), "JPEG", progressive=True))
    data[data.index(b"\xff\xc2") + 1] = 0xCA
    assert coefficient_bytes(bytes(data)) == 3 * 320 * 160


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_text_or_profile_that_unpacks_to_gigabytes_is_left_out(kind: bytes) -> None:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b"\0" * MEGABYTES) for _ in range(300)) + packer.flush()
    head = b"name\0\1\0\0\0" if kind == b"iTXt" else b"name\0\0"
    data = png_with(chunk(kind, head + packed))
    tracemalloc.start()
    try:
        shown = opened(thumbnail(data, 32, format="png"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * MEGABYTES
    assert psnr(shown, opened(thumbnail(png_with(), 32, format="png"))) > 40


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(chunk(b"tEXt", b"prompt\0" + b"a" * 3 * MEGABYTES), id="plain"),
        pytest.param(
            chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b"a" * 3 * MEGABYTES),
            id="international",
        ),
        pytest.param(chunk(b"zTXt", b"k\0\0" + zlib.compress(b"a" * 3 * MEGABYTES)), id="packed"),
    ],
)
def test_a_png_with_a_long_text_is_shown(text: bytes) -> None:
    assert thumbnail(png_with(text), 32).data == thumbnail(png_with(), 32).data


def test_invalid_chunks_are_left_to_the_reader() -> None:
    data = png_with(chunk(b"zTXt", b"k\0\0" + zlib.compress(b"a")))
    assert opened(thumbnail(data + b"\xff" * 50, 32)).size == (32, 24)
    with pytest.raises(Corrupt):
        thumbnail(png_with(b"\xff\xff\xff\xffzTXt"), 32)


@pytest.mark.parametrize("dispose", [1, 2, 3])
def test_a_gif_does_not_grow_with_a_later_frame(dispose: int) -> None:
    frames = gif_frame(16, 16, colour=1) + gif_frame(1200, 900, dispose=dispose)
    data = gif_with(frames=frames)
    assert (probe(data, LIMITS).width, probe(data, LIMITS).height) == (16, 16)
    image = opened(thumbnail(data, 300))
    assert (image.size, image.n_frames) == ((16, 16), 3)


def test_a_gif_whose_later_frames_are_larger_than_the_limits_shows_its_first_frame() -> None:
    data = gif_with(frames=gif_frame(1200, 900) * 3)
    for most, frames in ((3 * 1200 * 900, 4), (3 * 1200 * 900 - 1, 1)):
        picture = open_picture(data, Limits(max_frame_pixels=most))
        assert picture.declared.frames == frames
        assert (len(picture.data) == len(data)) == (frames > 1)


def test_a_gif_whose_first_frame_is_larger_than_its_screen_is_held_against_the_limits() -> None:
    screen = b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    data = screen + gif_frame(300, 200) + b";"
    assert probe(data, LIMITS).width == 300
    with pytest.raises(TooManyPixels):
        probe(data, Limits(max_pixels=50_000))


@pytest.mark.parametrize("compression", [1, 8])
def test_a_tiff_with_giant_tiles_is_refused(compression: int) -> None:
    data = tiff((259, compression), (322, 40_000), (323, 40_000))
    with pytest.raises(TooManyPixels, match="1,600 MB"):
        thumbnail(data, 32)


def test_a_tiff_that_is_one_plain_strip_is_read_as_a_stream() -> None:
    limits = Limits(max_decoded_bytes=40_000)
    assert render(tiff(), [Rendition.square(10)], limits).source.width == 100


def test_a_tiff_that_is_one_packed_strip_is_held_twice() -> None:
    packed = encoded(
        Image.new("L", (1000, 1000)), "TIFF", compression="tiff_adobe_deflate", tiffinfo={278: 1000}
    )
    assert thumbnail(packed, 10)
    with pytest.raises(TooManyPixels, match="MB"):
        render(packed, [Rendition.square(10)], Limits(max_decoded_bytes=1_500_000))


def test_a_directory_that_leads_back_to_itself_is_read_once() -> None:
    data = bytearray(tiff())
    after_entries = 8 + 2 + 12 * 8
    data[after_entries : after_entries + 4] = struct.pack("<I", 8)
    assert opened(thumbnail(bytes(data), 50)).size == (50, 50)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP"])
def test_the_time_limit_ends_a_decoding_between_two_readings(kind: str) -> None:
    data = encoded(photo(1200, 900), kind)
    seconds = count()
    deadline = Deadline(5, clock=lambda: next(seconds))  # a second passes with every look at it
    picture = open_picture(data, LIMITS, deadline)
    with pytest.raises(TooSlow, match="5 seconds"):
        PillowEngine().decode(picture, (64, 48))
