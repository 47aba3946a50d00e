"""Files that are small and valid enough, and made to take all memory or all day."""

import struct
import tracemalloc
import zlib
from collections.abc import Callable
from itertools import count

import pytest
from PIL import Image

from quickthumb.errors import Corrupt, TooManyPixels, TooSlow
from quickthumb.imaging import Limits, probe
from quickthumb.imaging.deadline import Deadline
from quickthumb.imaging.engines.pillow import PillowEngine
from quickthumb.imaging.formats.jpeg import coefficient_bytes
from quickthumb.imaging.guarded import MOST_READS
from quickthumb.imaging.opening import open_picture
from quickthumb.imaging.render import render
from quickthumb.jobs import Rendition
from tests.unit.imaging.pictures import LIMITS, encoded, opened, photo, psnr, thumbnail

MEGABYTES = 1_000_000


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png_with(*chunks: bytes) -> bytes:
    """Return a PNG with chunks between its header and its pixels."""
    data = encoded(photo(64, 48), "PNG")
    return data[:33] + b"".join(chunks) + data[33:]


def jpeg_with(segments: bytes) -> bytes:
    data = encoded(photo(64, 48), "JPEG")
    return data[:2] + segments + data[2:]


def gif_with(*, extensions: bytes = b"", frames: bytes = b"") -> bytes:
    """Return a GIF of two colours and 16 x 16 pixels, with blocks before and after its frame."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 16, 16, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return screen + extensions + gif_frame(16, 16) + frames + b";"


def gif_frame(width: int, height: int, *, colour: int = 0, dispose: int = 1) -> bytes:
    plain = encoded(Image.new("P", (width, height), colour), "GIF", optimize=False)
    pixels = plain[plain.index(b"\x2c", 13 + 6) + 10 :].removesuffix(b";")
    control = b"\x21\xf9\x04" + bytes((dispose << 2, 5, 0, 0, 0))
    return control + b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + pixels


def tiff(*tags: tuple[int, int]) -> bytes:
    """Return a grey TIFF of 100 x 100 pixels, with tags of 32 bits added or replaced."""
    pixels = 8 + 2 + 12 * 14 + 4
    all_tags = {256: 100, 257: 100, 258: 8, 259: 1, 262: 1, 277: 1} | dict(tags)
    all_tags |= {324: pixels, 325: 10_000} if 322 in all_tags else {273: pixels, 279: 10_000}
    entries = b"".join(
        struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(all_tags.items())
    )
    directory = struct.pack("<H", len(all_tags)) + entries + b"\0" * 4
    return (b"II*\0" + struct.pack("<I", 8) + directory).ljust(pixels, b"\0") + b"\x55" * 10_000


MANY = MOST_READS + 1


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: png_with(chunk(b"abCd") * MANY), id="chunks of a PNG"),
        pytest.param(lambda: png_with(chunk(b"PLTE", b"abc") * MANY), id="palettes of a PNG"),
        pytest.param(lambda: jpeg_with(b"\xff\xe5\0\2" * MANY), id="segments of a JPEG"),
        pytest.param(lambda: jpeg_with(b"\xff\xfe\0\2" * MANY), id="comments of a JPEG"),
        pytest.param(lambda: jpeg_with(b"\xff" * MANY), id="filling of a JPEG"),
        pytest.param(lambda: jpeg_with(b"\xff\xd0" * MANY), id="restarts of a JPEG"),
        pytest.param(
            lambda: gif_with(extensions=b"\x21\xfe" + b"\x01a" * MANY + b"\0"),
            id="pieces of a GIF's comment",
        ),
        pytest.param(
            lambda: gif_with(extensions=b"\x21\xf9\4\0\0\0\0\0" * MANY), id="extensions of a GIF"
        ),
    ],
)
def test_a_header_in_countless_pieces_is_refused(make: Callable[[], bytes]) -> None:
    with pytest.raises(Corrupt, match="pieces"):
        probe(make(), LIMITS)


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


def test_chunks_that_make_no_sense_are_left_to_the_reader() -> None:
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
    assert (image.size, image.n_frames) == ((16, 16), 2)


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
