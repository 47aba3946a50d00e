"""Colours described by code points: cICP of PNG, nclx of AVIF and HEIC."""

import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from quickthumb.imaging.colour.png import meanings
from quickthumb.imaging.colour.space import Hdr, Primaries, RgbSpace
from quickthumb.imaging.colour.srgb import ToSrgb
from quickthumb.problems import Unprocessable
from tests.unit.imaging import light
from tests.unit.imaging.containers import chunk
from tests.unit.imaging.pictures import colour, encoded, near, opened, thumbnail

P3_PROFILE = (Path(__file__).parents[2] / "fixtures/profiles/display-p3.icc").read_bytes()
STORED = ((200, 100, 50), (60, 130, 90), (128, 128, 128), (20, 24, 40))

SRGB_LIKE = light.srgb
LINEAR = light.power(1)


def stripes(*colours: tuple[int, ...]) -> Image.Image:
    """Return a picture of 64 x 64 pixels with a vertical stripe for each colour."""
    image = Image.new("RGB", (len(colours), 1))
    image.putdata(colours)
    return image.resize((64, 64), Image.Resampling.NEAREST)


def shown(data: bytes, count: int = len(STORED)) -> list[tuple[int, ...]]:
    image = opened(thumbnail(data, 64, format="png"))
    return [colour(image, (at + 0.5) / count, 0.5)[:3] for at in range(count)]


def png(*chunks: bytes, image: Image.Image | None = None) -> bytes:
    data = encoded(image or stripes(*STORED), "PNG")
    return data[:33] + b"".join(chunks) + data[33:]


def cicp(*codes: int) -> bytes:
    return chunk(b"cICP", bytes(codes))


def nclx(kind: str, primaries: int, transfer: int, **options: Any) -> bytes:
    """Return an AVIF or a HEIC with these codes."""
    data = encoded(stripes(*STORED), kind, quality=100, **options)
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


def gamma(exponent: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(exponent * 100_000)))


def chromaticities(*numbers: float) -> bytes:
    return chunk(b"cHRM", struct.pack(">8I", *(round(each * 100_000) for each in numbers)))


def profile(content: bytes) -> bytes:
    return chunk(b"iCCP", b"it\0\0" + zlib.compress(content))


def alike(one: list[tuple[int, ...]], other: list[tuple[int, ...]], by: int = 2) -> bool:
    return all(near(a, b, by=by) for a, b in zip(one, other, strict=True))


AS_STATED = [
    (1, 13, SRGB_LIKE, light.SAME),
    (1, 4, light.power(2.2), light.SAME),
    (1, 5, light.power(2.8), light.SAME),
    (1, 7, light.smpte240, light.SAME),
    (1, 8, LINEAR, light.SAME),
    (1, 1, light.power(2.4), light.SAME),  # the screen of BT.1886
    (9, 14, light.power(2.4), light.BT2020),
    (1, 17, light.film, light.SAME),
    (12, 13, SRGB_LIKE, light.P3),
    (9, 13, SRGB_LIKE, light.BT2020),
    (9, 8, LINEAR, light.BT2020),
]


@pytest.mark.parametrize(("primaries", "transfer", "curve", "matrix"), AS_STATED)
def test_the_codes_of_a_png_are_applied(
    primaries: int, transfer: int, curve: Any, matrix: light.Matrix
) -> None:
    expected = [light.shown(each, curve, matrix) for each in STORED]
    assert alike(shown(png(cicp(primaries, transfer, 0, 1))), expected)


@pytest.mark.parametrize(
    ("primaries", "transfer", "curve", "matrix"),
    [
        (1, 4, light.power(2.2), light.SAME),
        (1, 8, LINEAR, light.SAME),
        (2, 8, LINEAR, light.SAME),
        (12, 13, SRGB_LIKE, light.P3),
        (9, 13, SRGB_LIKE, light.BT2020),
        (9, 2, SRGB_LIKE, light.BT2020),
        # Cameras' transfer functions, which label pictures that were made on screens.
        *((1, transfer, SRGB_LIKE, light.SAME) for transfer in (1, 6, 14, 15)),
        (2, 2, SRGB_LIKE, light.SAME),
    ],
)
@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_the_codes_of_an_avif_and_a_heic_are_applied(
    kind: str, primaries: int, transfer: int, curve: Any, matrix: light.Matrix
) -> None:
    expected = [light.shown(each, curve, matrix) for each in STORED]
    assert alike(shown(nclx(kind, primaries, transfer)), expected, by=10)


def test_a_profile_counts_more_than_the_codes_of_an_avif() -> None:
    data = nclx("AVIF", 1, 8, icc_profile=P3_PROFILE)
    assert alike(shown(data), [light.shown(each, SRGB_LIKE, light.P3) for each in STORED], by=10)


def test_an_invalid_profile_leaves_the_codes_of_an_avif() -> None:
    data = nclx("AVIF", 1, 8, icc_profile=b"no profile".ljust(200))
    assert alike(shown(data), [light.shown(each, LINEAR) for each in STORED], by=10)


def test_the_profile_of_a_heic_is_applied() -> None:
    data = encoded(stripes(*STORED), "HEIF", quality=100, icc_profile=P3_PROFILE)
    assert alike(shown(data), [light.shown(each, SRGB_LIKE, light.P3) for each in STORED], by=10)


IN_ORDER = [
    cicp(9, 13, 0, 1),
    profile(P3_PROFILE),
    chunk(b"sRGB", b"\0"),
    gamma(1) + chromaticities(0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06),
]
MEANS = [
    (SRGB_LIKE, light.BT2020),
    (SRGB_LIKE, light.P3),
    (SRGB_LIKE, light.SAME),
    (LINEAR, light.SAME),
]


@pytest.mark.parametrize("first", range(4))
def test_the_chunks_of_a_png_count_in_the_order_of_the_specification(first: int) -> None:
    expected = [light.shown(each, *MEANS[first]) for each in STORED]
    assert alike(shown(png(*IN_ORDER[first:])), expected)
    assert alike(shown(png(*reversed(IN_ORDER[first:]))), expected)


@pytest.mark.parametrize(
    "codes",
    [
        pytest.param(cicp(12, 8, 1, 1), id="a matrix"),
        pytest.param(cicp(12, 8, 0, 0), id="narrow range"),
        pytest.param(cicp(2, 8, 0, 1), id="unspecified primaries"),
        pytest.param(cicp(12, 2, 0, 1), id="unspecified transfer"),
        pytest.param(cicp(200, 13, 0, 1), id="unknown primaries"),
        pytest.param(cicp(12, 99, 0, 1), id="unknown transfer"),
        pytest.param(cicp(12, 8), id="too short"),
    ],
)
def test_codes_that_mean_nothing_make_room_for_the_next(codes: bytes) -> None:
    expected = [light.shown(each, LINEAR) for each in STORED]
    assert alike(shown(png(codes, gamma(1))), expected)


@pytest.mark.parametrize("exponent", [0.25, 1 / 2.8, 0.5, 1 / 1.8, 0.8, 1])
@pytest.mark.parametrize("mode", ["RGB", "L", "LA"])
def test_any_gamma_of_a_png_is_applied(exponent: float, mode: str) -> None:
    image = stripes(*STORED).convert(mode)
    stored = [colour(image, (at + 0.5) / 4, 0.5)[:3] for at in range(4)]
    expected = [light.shown((r, g, b), light.power(1 / exponent)) for r, g, b in stored]
    assert alike(shown(png(gamma(exponent), image=image)), expected)


@pytest.mark.parametrize("exponent", [0.44, 0.45, 0.45455, 0.46, 0.47])
def test_a_gamma_alone_that_is_about_that_of_screens_changes_nothing(exponent: float) -> None:
    assert shown(png(gamma(exponent))) == list(STORED)


def test_chromaticities_count_only_with_a_gamma() -> None:
    p3 = chromaticities(0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
    assert shown(png(p3)) == list(STORED)
    expected = [light.shown(each, light.power(2.2), light.P3) for each in STORED]
    assert alike(shown(png(p3, gamma(1 / 2.2))), expected)


def test_any_chromaticities_are_applied() -> None:
    adobe = chromaticities(0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
    expected = [light.shown(each, light.power(2.2), light.ADOBE) for each in STORED]
    assert alike(shown(png(adobe, gamma(1 / 2.2))), expected)


def test_white_stays_white_whatever_its_chromaticity() -> None:
    tungsten = chromaticities(0.4476, 0.4074, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
    data = png(tungsten, gamma(1 / 2.2), image=stripes((255, 255, 255), (128, 128, 128)))
    assert alike(shown(data, 2), [(255, 255, 255), light.shown((128,) * 3, light.power(2.2))])


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([chromaticities(*[0.0] * 8), gamma(1)], id="no white"),
        pytest.param([chromaticities(0.3127, 0.329, *[0.3] * 6), gamma(1)], id="one point"),
        pytest.param([gamma(0)], id="no gamma"),
        pytest.param([profile(bytes(9_000_000))], id="a profile that unpacks without end"),
        pytest.param([chunk(b"iCCP", b"it\0\0\0\0")], id="a profile that does not unpack"),
        pytest.param([chunk(b"mDCV"), chunk(b"cLLI"), cicp()], id="empty chunks"),
    ],
)
def test_impossible_colours_are_ignored(chunks: list[bytes]) -> None:
    assert shown(png(*chunks)) == list(STORED)


def test_a_damaged_chunk_says_nothing() -> None:
    data = png(cicp(12, 13, 0, 1), gamma(1))
    at = data.index(b"cICP") + 4
    damaged = data[:at] + b"\x09" + data[at + 1 :]
    assert len(meanings(data, None)) == 2
    assert meanings(damaged, None) == meanings(png(gamma(1)), None)


@given(
    codes=st.binary(max_size=6),
    stored=st.integers(0, 2**32 - 1),
    points=st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 100_000), min_size=8, max_size=8),
    light_levels=st.binary(max_size=30),
)
def test_no_numbers_are_a_crash(
    codes: bytes, stored: int, points: list[int], light_levels: bytes
) -> None:
    chunks = [
        chunk(b"cICP", codes),
        chunk(b"gAMA", struct.pack(">I", stored)),
        chunk(b"cHRM", struct.pack(">8I", *points)),
        *(chunk(kind, light_levels) for kind in (b"cLLI", b"mDCV")),
    ]
    image = stripes(*STORED).resize((4, 1))
    convert = ToSrgb(lambda: meanings(png(*chunks, image=image), None))
    assert convert(image).mode == "RGB"
    assert convert(image.convert("LA")).size == (4, 1)


@given(points=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=9, max_size=9))
def test_no_primaries_of_light_beyond_white_are_a_crash(points: list[int]) -> None:
    primaries = Primaries(*((points[at] / 2**30, points[at + 1] / 2**30) for at in (0, 2, 4, 6)))
    for curves in Hdr:
        image = stripes(*STORED).resize((4, 1))
        space = RgbSpace(primaries, curves, points[8] / 1000)
        converted = ToSrgb(lambda space=space: [space])(image)
        assert converted.mode == "RGB"


@pytest.mark.parametrize("exponent", [1e-5, 1e-3, 42949])
def test_absurd_gammas_do_no_harm(exponent: float) -> None:
    assert len(shown(png(gamma(exponent)))) == len(STORED)


def test_alpha_stays_as_it_is() -> None:
    image = stripes(*STORED)
    image.putalpha(90)
    thumb = opened(thumbnail(png(cicp(1, 8, 0, 1), image=image), 64, format="png"))
    assert near(colour(thumb, 0.1, 0.5), (*light.shown(STORED[0], LINEAR), 90), by=4)


def test_a_grey_picture_stays_grey() -> None:
    image = stripes(*STORED).convert("L")
    thumb = opened(thumbnail(png(cicp(9, 8, 0, 1), image=image), 64, format="png"))
    assert thumb.mode == "L"


def test_every_frame_is_converted() -> None:
    frames = [Image.new("RGB", (64, 64), each) for each in STORED]
    data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=100)
    data = data[:33] + cicp(1, 8, 0, 1) + data[33:]
    image = opened(thumbnail(data, 64, format="png"))
    for number, stored in enumerate(STORED):
        image.seek(number)
        assert near(colour(image, 0.5, 0.5)[:3], light.shown(stored, LINEAR), by=2)


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
@pytest.mark.parametrize("cut", range(-8, 12, 3))
def test_a_damaged_description_is_no_crash(kind: str, cut: int) -> None:
    data = bytearray(nclx(kind, 9, 16))
    at = data.index(b"colrnclx") - 4
    data[at : at + 4] = struct.pack(">I", 12 + max(0, cut))
    try:
        thumbnail(bytes(data), 64)
    except Unprocessable as refusal:
        assert str(refusal).endswith(".")
