import struct
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.render import render
from quickthumb.imaging.source import probe
from quickthumb.problems import Corrupt, TooManyPixels
from tests.unit.imaging.containers import box, boxes
from tests.unit.imaging.pictures import (
    LIMITS,
    colour,
    encoded,
    near,
    opened,
    photo,
    psnr,
    quarters,
    thumbnail,
)
from tests.unit.imaging.test_orientation import STORED

pillow_jxl = pytest.importorskip("pillow_jxl")

SIGNATURE = b"\xff\x0a"


class Writer:
    """Writes bits, the lowest of each byte first."""

    def __init__(self) -> None:
        self.bits = ""

    def put(self, value: int, bits: int) -> None:
        self.bits += format(value, f"0{bits}b")[::-1]

    def done(self) -> bytes:
        padded = self.bits + "0" * (-len(self.bits) % 8 + 8)
        return bytes(int(padded[at : at + 8][::-1], 2) for at in range(0, len(padded), 8))


def header(
    width: int = 100, height: int = 60, *, orientation: int = 1, bits: int = 8, extra: int = 0
) -> bytes:
    """Return the header of a codestream, written as the standard describes it."""
    out = Writer()
    out.put(0, 1)  # not in eighths
    for side in (height, width):
        out.put(3, 2)
        out.put(side - 1, 30)
        if side is height:
            out.put(0, 3)
    out.put(0, 1)  # not all default
    out.put(1, 1)
    out.put(orientation - 1, 3)
    for part in ("shown size", "preview"):
        out.put(0, 1)
        del part
    out.put(1, 1)  # it is an animation of 100 ticks a second that is played for ever
    out.put(0, 6)
    out.put(0, 1)
    out.put(0, 1)  # whole numbers
    out.put(3, 2)
    out.put(bits - 1, 6)
    out.put(1, 1)
    out.put(3, 2)
    out.put(extra - 1 if extra else 0, 12)
    return SIGNATURE + out.done()


def container(*parts: bytes) -> bytes:
    return box(b"JXL ", b"\r\n\x87\n") + box(b"ftyp", b"jxl \0\0\0\0jxl ") + b"".join(parts)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.booleans())
def test_the_size_is_that_of_the_decoder(width: int, height: int, contained: bool) -> None:
    data = encoded(Image.new("L", (width, height)), "JXL", use_container=contained, effort=1)
    assert (probe(data, LIMITS).width, probe(data, LIMITS).height) == (width, height)


@pytest.mark.parametrize("size", [(64, 64), (96, 80), (64, 48), (48, 32), (128, 72), (40, 32)])
def test_common_ratios_are_understood(size: tuple[int, int]) -> None:
    source = probe(encoded(photo(*size), "JXL"), LIMITS)
    assert (source.width, source.height) == size


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_header_says_which_way_up(orientation: int) -> None:
    source = probe(header(300, 200, orientation=orientation), LIMITS)
    size = (300, 200) if orientation < 5 else (200, 300)
    assert (source.width, source.height, source.orientation) == (*size, orientation)


def turned(data: bytes, orientation: int) -> bytes:
    """Return a codestream whose header says which way up it is.

    The encoder writes the shortest header for small sides of whole eighths: height, ratio, width if
    there is no such ratio, and that all else is usual.
    """
    head = int.from_bytes(data[2:4], "little")
    length = 9 if head >> 6 & 7 else 14
    assert head >> length == 0b11
    out = Writer()
    out.put(head & (1 << length) - 1, length)
    out.put(0, 1)  # not all default
    out.put(1, 1)
    out.put(orientation - 1, 3)
    out.put(0, 3)  # neither shown size, preview, nor animation
    out.put(0, 3)  # 8 bits
    out.put(1, 1)
    out.put(0, 2)  # no more channels
    out.put(0b111, 3)  # usual colours and tones
    out.put(0, 2)  # no extensions
    out.put(1, 1)  # usual transforms
    return SIGNATURE + out.done()[: -(-len(out.bits) // 8)] + data[4:]


@pytest.mark.parametrize("orientation", STORED)
def test_the_decoder_turns_the_picture_upright(orientation: int) -> None:
    image = quarters(48, 32)
    method = STORED[orientation]
    lies = image if method is None else image.transpose(method)
    data = encoded(lies, "JXL", use_container=False, quality=95)
    shown = opened(thumbnail(turned(data, orientation), 48, format="png"))
    assert shown.size == (48, 32)
    assert near(colour(shown, 0.2, 0.2), (255, 0, 0))
    assert near(colour(shown, 0.8, 0.2), (0, 255, 0))
    assert near(colour(shown, 0.2, 0.8), (0, 0, 255))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_every_layout_is_shown(mode: str) -> None:
    data = encoded(photo(120, 90).convert(mode), "JXL", lossless=True)
    image = opened(thumbnail(data, 120, format="png"))
    assert psnr(image.convert("L"), photo(120, 90).convert("L")) > 45


@pytest.mark.parametrize("mode", ["I;16", "F"])
def test_deep_pixels_are_shown_in_the_brightness_that_the_file_tells(mode: str) -> None:
    # The package describes them as linear: half of the light is level 188.
    level = {"I;16": 32_768, "F": 0.5}[mode]
    image = opened(thumbnail(encoded(Image.new(mode, (32, 32), level), "JXL"), 32, format="png"))
    pixel = image.convert("L").getpixel((16, 16))
    assert isinstance(pixel, int)
    assert near((pixel,), (188,), 3)


def test_a_codestream_in_parts_is_put_together() -> None:
    plain = encoded(photo(120, 90), "JXL", use_container=False)
    parts = [plain[:500], plain[500:900], plain[900:]]
    numbers = (0, 1, 2 | 1 << 31)
    data = container(
        box(b"Exif", b"secret" * 100),
        *(box(b"jxlp", struct.pack(">I", n) + p) for n, p in zip(numbers, parts, strict=True)),
    )
    assert thumbnail(data, 60).data == thumbnail(plain, 60).data


def test_metadata_is_not_decoded() -> None:
    bomb = box(b"brob", b"Exif" + b"\xff" * 1000)
    plain = encoded(photo(60, 40), "JXL", use_container=False)
    contained = container(bomb, box(b"jxlc", plain))
    assert thumbnail(contained, 20).data == thumbnail(plain, 20).data


def test_a_container_without_pixels_is_corrupt() -> None:
    with pytest.raises(Corrupt, match="no pixels"):
        probe(container(box(b"Exif", b"")), LIMITS)
    with pytest.raises(Corrupt, match="more than 6,000 boxes"):
        probe(container(*[box(b"Exif")] * 7_000), LIMITS)


def test_pixels_and_channels_are_held_against_the_limits() -> None:
    assert probe(header(extra=4), LIMITS).width == 100
    with pytest.raises(Corrupt, match="4,000 extra channels"):
        probe(header(extra=4_000), LIMITS)
    with pytest.raises(TooManyPixels):
        probe(header(60_000, 60_000), LIMITS)
    with pytest.raises(TooManyPixels):
        probe(header(2**30, 1), LIMITS)


def test_deep_pixels_take_more_memory() -> None:
    limits = replace(LIMITS, max_decoded_bytes=1_500_000)
    image = Image.new("L", (300, 300))
    render(encoded(image, "JXL"), [Rendition.square(10)], limits)
    with pytest.raises(TooManyPixels, match="MB"):
        render(encoded(image.convert("I;16"), "JXL"), [Rendition.square(10)], limits)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_truncated_file_is_corrupt(share: float) -> None:
    data = encoded(photo(600, 400), "JXL")
    with pytest.raises(Corrupt):
        thumbnail(data[: int(share * len(data))], 100)


@pytest.mark.parametrize("kind", ["TIFF", "JPEG", "PNG"])
def test_a_thumbnail_is_a_bare_codestream(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(photo(60, 40), kind, exif=exif)
    assert thumbnail(data, 60, format="jxl").data.startswith(SIGNATURE)


@pytest.mark.parametrize("quality", [1, 99, 100])
def test_a_thumbnail_has_any_quality(quality: int) -> None:
    data = encoded(photo(60, 40), "JPEG")
    thumb = thumbnail(data, 60, format="jxl", quality=quality)
    assert thumb.data.startswith(SIGNATURE)


def test_the_container_of_the_package_is_the_one_of_these_tests() -> None:
    kinds = [kind for kind, _ in boxes(encoded(photo(60, 40), "JXL", use_container=True))]
    assert kinds[:2] == [b"JXL ", b"ftyp"]
    assert {b"jxlc", b"jxlp"} & set(kinds)
