import struct
from contextlib import nullcontext
from dataclasses import replace

import pytest
from PIL import Image, ImageCms

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.formats import jpeg2000
from quickthumb.imaging.formats.jpeg2000 import MOST_TILES, reduction
from quickthumb.imaging.opening import open_picture
from quickthumb.imaging.render import render
from quickthumb.imaging.source import probe
from quickthumb.problems import Corrupt, TooManyPixels
from tests.unit.imaging.containers import box
from tests.unit.imaging.pictures import LIMITS, encoded, near, opened, photo, psnr, thumbnail

START_OF_TILE, END = b"\xff\x90", b"\xff\xd9"


def jp2(width: int = 320, height: int = 240, **options: object) -> bytes:
    return encoded(photo(width, height), "JPEG2000", **options)


def bare(width: int = 320, height: int = 240, **options: object) -> bytes:
    return jp2(width, height, no_jp2=True, **options)


def with_sizes(data: bytes, *sizes: int) -> bytes:
    """Return a codestream whose segment of sizes has other numbers, from the width on."""
    at = 8
    return data[:at] + struct.pack(f">{len(sizes)}I", *sizes) + data[at + 4 * len(sizes) :]


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_layout_is_shown(mode: str) -> None:
    picture = photo(120, 90)
    if mode == "I;16":
        stored = picture.convert("I").point(lambda level: level * 257).convert(mode)
    else:
        stored = picture.convert(mode)
    image = opened(thumbnail(encoded(stored, "JPEG2000"), 60, format="png"))
    expected = picture.convert("L").resize((60, 45), Image.Resampling.LANCZOS)
    assert psnr(image.convert("L"), expected) > 40


@pytest.mark.parametrize("size", [(640, 480), (641, 479), (643, 481), (1001, 777)])
@pytest.mark.parametrize(
    "options", [{}, {"irreversible": True}, {"tile_size": (128, 96)}, {"no_jp2": True}]
)
def test_it_is_reduced_while_it_is_decoded_and_stays_in_place(
    size: tuple[int, int], options: dict[str, object]
) -> None:
    image = opened(thumbnail(jp2(*size, **options), 100, format="png")).convert("RGB")
    expected = photo(*size).resize(image.size, Image.Resampling.LANCZOS)
    assert psnr(image, expected) > 33


def test_less_memory_is_a_reason_to_decode_at_a_lower_resolution() -> None:
    picture = open_picture(jp2(1200, 900), LIMITS)
    tight = replace(picture, max_bytes=8_000_000)
    assert [reduction(each, (500, 375)) for each in (picture, tight)] == [0, 1]
    assert reduction(tight, (700, 525)) == 0  # it never has fewer pixels than asked for


def test_what_does_not_fit_at_any_resolution_is_refused() -> None:
    with pytest.raises(TooManyPixels, match="MB"):
        render(jp2(), [Rendition.square(300)], replace(LIMITS, max_decoded_bytes=500_000))


@pytest.mark.parametrize("side", [100, 141])
def test_tiles_are_counted(side: int) -> None:
    data = with_sizes(bare(), *(side * 16,) * 2, 0, 0, 16, 16)
    assert probe(data, LIMITS).width == side * 16
    many = with_sizes(bare(), 16 * (MOST_TILES + 1), 16, 0, 0, 16, 16)
    with pytest.raises(Corrupt, match="tiles"):
        probe(many, replace(LIMITS, max_side=10**9))


def test_descriptions_of_many_tiles_count_as_memory() -> None:
    data = with_sizes(bare(), 2000, 2000, 0, 0, 20, 20)
    with pytest.raises(TooManyPixels, match="MB"):
        render(data, [Rendition.square(10)], replace(LIMITS, max_decoded_bytes=100_000_000))


def test_its_profile_is_applied() -> None:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    name = profile.index("sRGB".encode("utf-16-be"))
    profile[name : name + 8] = "swap".encode("utf-16-be")
    data = encoded(Image.new("RGB", (40, 30), "red"), "JPEG2000")
    header = data[data.index(b"jp2h") - 4 : data.index(b"jp2c") - 4]
    size = header[8 : header.index(b"colr") - 4]
    colours = box(b"colr", b"\2\0\0" + bytes(profile))
    told = data.replace(header, box(b"jp2h", size + colours))
    pixel = opened(thumbnail(told, 40, format="png")).convert("RGB").getpixel((20, 15))
    assert isinstance(pixel, tuple)
    assert near(pixel, (0, 0, 255), 20)


def test_two_different_sizes_are_corrupt() -> None:
    data = bytearray(jp2())
    at = data.index(b"ihdr") + 4
    data[at : at + 4] = struct.pack(">I", 24)
    with pytest.raises(Corrupt, match="two different sizes"):
        probe(bytes(data), LIMITS)


@pytest.mark.parametrize(
    "sizes",
    [
        (100, 100, 200, 0),  # it begins right of its end
        (100, 100, 0, 0, 0, 10),  # tiles without a width
        (100, 100, 0, 0, 10, 10, 50, 0),  # tiles that begin within the picture
    ],
)
def test_sizes_that_cannot_be_are_corrupt(sizes: tuple[int, ...]) -> None:
    with pytest.raises(Corrupt):
        probe(with_sizes(bare(), *sizes), LIMITS)


def test_channels_are_counted() -> None:
    data = bytearray(bare())
    data[40:42] = struct.pack(">H", 16_000)
    with pytest.raises(Corrupt, match="16000 channels"):
        probe(bytes(data), LIMITS)


def test_boxes_and_segments_are_counted() -> None:
    data = jp2()
    boxes = data[:12] + box(b"free") * 2_000 + data[12:]
    comment = b"\xff\x64\0\3 "
    codestream = bare()
    at = codestream.index(b"\xff\x52")
    segments = codestream[:at] + comment * 2_000 + codestream[at:]
    for each in (boxes, segments):
        with pytest.raises(Corrupt, match="more than 1,000"):
            probe(each, LIMITS)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_file_is_corrupt(share: float) -> None:
    for data in (jp2(), bare(tile_size=(64, 64))):
        with pytest.raises(Corrupt):
            thumbnail(data[: int(len(data) * share)], 300)


@pytest.mark.parametrize(("left", "is_shown"), [(20, True), (15, True), (14, False), (1, False)])
def test_three_quarters_of_the_tiles_must_be_there(left: int, is_shown: bool) -> None:
    data = bare(tile_size=(64, 64))
    head, *parts = data.removesuffix(END).split(START_OF_TILE)
    assert len(parts) == 20
    missing = START_OF_TILE.join((head, *parts[:left])) + END
    refusal = pytest.raises(Corrupt, match=f"damaged: only {left} of 20 tiles")
    with nullcontext() if is_shown else refusal:
        assert opened(thumbnail(missing, 300)).width == 300


def test_parts_of_tiles_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg2000, "MOST_PARTS", 10)
    with pytest.raises(Corrupt, match="more than 10 parts"):
        thumbnail(bare(tile_size=(64, 64)), 300)
