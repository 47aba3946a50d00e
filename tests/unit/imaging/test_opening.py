"""The parts of a file that decoders get."""

import struct
import warnings
import zlib

import pytest
from PIL import Image

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.formats.ifd import MOST_TAGS
from quickthumb.imaging.formats.jpeg import lean as lean_jpeg
from quickthumb.imaging.formats.png import lean as lean_png
from quickthumb.imaging.opening import open_picture
from quickthumb.imaging.render import render
from quickthumb.imaging.source import probe
from quickthumb.limits import Limits
from quickthumb.problems import Corrupt
from tests.unit.imaging.containers import (
    chunk,
    gif_frame,
    gif_with,
    jpeg_with,
    png_with,
    webp,
    webp_chunk,
)
from tests.unit.imaging.pictures import LIMITS, encoded, opened, photo, psnr, thumbnail

ORIENTATION = 0x0112


def moving(kind: str, frames: int = 4, **options: object) -> bytes:
    pictures = [photo(120, 80).rotate(40 * number) for number in range(frames)]
    several = {"save_all": True, "append_images": pictures[1:], "duration": 80}
    return encoded(pictures[0], kind, **several, **options)


@pytest.mark.parametrize("limits", [Limits(max_frames=3), Limits(max_frame_pixels=3 * 120 * 80)])
@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_beyond_the_limits_no_decoder_sees_more_than_the_first_frame(
    kind: str, limits: Limits
) -> None:
    data = moving(kind)
    assert open_picture(data, LIMITS).data == data
    picture = open_picture(data, limits)
    assert len(picture.data) < len(data)
    with opened(picture.data) as shown, opened(data) as whole:
        assert getattr(shown, "n_frames", 1) == 1
        assert shown.size == whole.size
        assert psnr(shown.convert("RGBA"), whole.convert("RGBA")) > 99


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_at_the_limits_is_seen_whole(kind: str) -> None:
    data = moving(kind)
    limits = Limits(max_frames=4, max_frame_pixels=4 * 120 * 80)
    assert open_picture(data, limits).data == data


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_the_first_frame_is_turned_as_the_animation_was(kind: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    data = moving(kind, exif=exif)
    done = render(data, [Rendition.square(60)], Limits(max_frames=2))
    assert done.source == probe(data, LIMITS)
    assert (done.source.width, done.source.height, done.source.orientation) == (80, 120, 6)
    assert (done.thumbnails[0].width, done.thumbnails[0].height) == (40, 60)


def test_the_first_frame_of_a_webp_may_be_a_part_of_it() -> None:
    """What it does not cover is transparent."""
    pixel = encoded(Image.new("RGB", (20, 10), "red"), "WEBP")[12:]
    place = bytes(3) * 2 + (19).to_bytes(3, "little") + (9).to_bytes(3, "little") + b"\x64\0\0\2"
    frame = webp_chunk(b"ANMF", place + pixel)
    data = webp(webp_chunk(b"ANIM", bytes(6)), frame * 400, flags=0x12, size=(60, 40))
    picture = open_picture(data, LIMITS)
    assert len(picture.data) < 400
    with opened(picture.data) as shown:
        assert (shown.size, shown.n_frames) == ((60, 40), 1)
        alpha = shown.convert("RGBA").getchannel("A")
        assert (alpha.getpixel((5, 5)), alpha.getpixel((30, 30))) == (255, 0)
    done = opened(render(data, [Rendition.square(60)], LIMITS).thumbnails[0])
    assert getattr(done, "n_frames", 1) == 1


def test_the_first_frame_of_a_gif_has_what_stands_before_it() -> None:
    data = gif_with(frames=gif_frame(16, 16, colour=1) * 400)
    picture = open_picture(data, LIMITS)
    assert picture.data == gif_with()
    assert data.startswith(picture.data[:-1])


def test_a_gif_is_shown_whatever_follows_it() -> None:
    assert thumbnail(gif_with().removesuffix(b";") + bytes(500_000), 8).data == (
        thumbnail(gif_with(), 8).data
    )


def test_an_animation_without_number_is_shown_by_its_first_frame() -> None:
    pixels = encoded(Image.new("RGB", (8, 6), "red"), "WEBP")[12:]
    place = bytes(6) + (7).to_bytes(3, "little") + (5).to_bytes(3, "little") + b"\x64\0\0\0"
    frame = webp_chunk(b"ANMF", place + pixels)
    data = webp(webp_chunk(b"ANIM", bytes(6)), frame * 50_000, flags=2, size=(8, 6))
    image = opened(thumbnail(data, 8, format="png")).convert("RGB")
    red, green, blue = image.getpixel((4, 3))
    assert red > 240
    assert max(green, blue) < 20


def test_a_tiff_with_absurdly_many_tags_is_refused_before_a_warning_is_written() -> None:
    tags = b"".join(struct.pack("<HHII", 1000 + each, 7, 99_000_000, 8) for each in range(45_000))
    data = b"II*\0" + struct.pack("<IH", 8, 45_000) + tags + bytes(4)
    with warnings.catch_warnings(record=True) as written:
        warnings.simplefilter("always")
        with pytest.raises(Corrupt, match="tags"):
            render(data, [Rendition.square(16)], LIMITS)
    assert written == []


def test_a_tiff_with_tags_that_are_not_there_is_shown_with_a_warning_or_two_for_each() -> None:
    plain = encoded(photo(40, 30), "TIFF")
    at = int.from_bytes(plain[4:8], "little")
    [count] = struct.unpack_from("<H", plain, at)
    own = plain[at + 2 : at + 2 + 12 * count]
    more = MOST_TAGS - count
    tags = b"".join(struct.pack("<HHII", 2000 + each, 7, 99_000_000, 8) for each in range(more))
    head = plain[:4] + struct.pack("<I", len(plain))
    data = head + plain[8:] + struct.pack("<H", MOST_TAGS) + own + tags + bytes(4)
    with warnings.catch_warnings(record=True) as written:
        warnings.simplefilter("always")
        open_picture(data, LIMITS)
    assert more <= len(written) <= 2 * MOST_TAGS


def test_a_jpeg_is_decoded_without_metadata_that_are_long() -> None:
    plain = encoded(photo(64, 48), "JPEG")
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    [start] = [b"\xff\xe1" + struct.pack(">H", len(exif.tobytes()) + 2) + exif.tobytes()]
    blocks = b"8BIM\4\4\0\0\0\0\0\0" * 5_000
    resources = b"\xff\xed" + struct.pack(">H", len(blocks) + 16) + b"Photoshop 3.0\0" + blocks
    data = jpeg_with(start + resources * 100)
    assert lean_jpeg(data) == plain
    assert lean_jpeg(jpeg_with(start + resources)) == jpeg_with(start + resources)
    done = render(data, [Rendition.square(64)], LIMITS)
    assert done.source.orientation == 6
    assert (done.thumbnails[0].width, done.thumbnails[0].height) == (48, 64)


def test_a_jpeg_keeps_what_its_colours_depend_on() -> None:
    profile = bytes(range(256)) * 20
    data = encoded(photo(64, 48).convert("CMYK"), "JPEG", icc_profile=profile)
    comments = (b"\xff\xfe\xff\xff" + bytes(65_533)) * 20
    with opened(lean_jpeg(data[:2] + comments + data[2:])) as image:
        assert image.info["icc_profile"] == profile
        assert "adobe" in image.info


def test_of_several_profiles_of_a_png_the_first_is_kept() -> None:
    small = chunk(b"iCCP", b"n\0\0" + zlib.compress(b"first"))
    large = chunk(b"iCCP", b"n\0\0" + zlib.compress(bytes(1_100_000)))
    assert lean_png(png_with(small, large * 500)) == png_with(small)
    assert lean_png(png_with(large, small)) == png_with()


@pytest.mark.parametrize("hidden", [False, True])
def test_the_frames_of_a_png_behind_the_first_are_left_out(hidden: bool) -> None:
    colours = ("red", "lime", "blue")
    first, *others = [Image.new("RGB", (60, 60), each) for each in colours]
    several = {"save_all": True, "append_images": others, "default_image": hidden}
    data = encoded(first, "PNG", **several)
    limits = Limits(max_frames=1)
    picture = open_picture(data, limits)
    assert picture.data.count(b"fcTL") == picture.data.count(b"fdAT") == (1 if hidden else 0)
    [shown] = render(data, [Rendition("it", 60, 60, format="png")], limits).thumbnails
    assert getattr(opened(shown), "n_frames", 1) == 1
    expected = (0, 255, 0) if hidden else (255, 0, 0)
    assert opened(shown).convert("RGB").getpixel((9, 9)) == expected
