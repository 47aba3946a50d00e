import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from tests.unit.imaging.pictures import colour, encoded, near, opened, photo, thumbnail

PROFILES = Path(__file__).parents[2] / "fixtures" / "profiles"
P3 = (PROFILES / "display-p3.icc").read_bytes()
ADOBE = (PROFILES / "adobe-rgb.icc").read_bytes()


def plain(*level: int, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (64, 64), level if len(level) > 1 else level[0])


# Reference values: the matrices of the two spaces and the sRGB curve, calculated by hand.
@pytest.mark.parametrize(
    ("profile", "stored", "shown"),
    [
        (P3, (255, 0, 0), (255, 0, 0)),  # beyond sRGB: clipped
        (P3, (200, 100, 50), (215, 96, 36)),
        (P3, (128, 128, 128), (128, 128, 128)),
        (ADOBE, (200, 100, 50), (228, 100, 43)),
        (ADOBE, (128, 128, 128), (128, 128, 128)),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_profile_is_converted_to_srgb_and_dropped(
    kind: str, profile: bytes, stored: tuple[int, ...], shown: tuple[int, ...]
) -> None:
    data = encoded(plain(*stored), kind, icc_profile=profile, quality=95)
    image = opened(thumbnail(data, 32, format="png"))
    assert near(colour(image, 0.5, 0.5), shown, by=4)
    assert "icc_profile" not in image.info


def test_a_profile_leaves_alpha_alone() -> None:
    data = encoded(plain(200, 100, 50, 90, mode="RGBA"), "PNG", icc_profile=ADOBE)
    assert near(colour(opened(thumbnail(data, 32)), 0.5, 0.5), (228, 100, 43, 90), by=6)


def test_cmyk_goes_through_its_profile() -> None:
    pyvips = pytest.importorskip("pyvips")
    profile = bytes(pyvips.Operation.call("profile_load", "cmyk"))
    image = plain(255, 0, 0, 0, mode="CMYK")
    through = colour(opened(thumbnail(encoded(image, "JPEG", icc_profile=profile), 32)), 0.5, 0.5)
    without = colour(opened(thumbnail(encoded(image, "JPEG"), 32)), 0.5, 0.5)
    assert near(without, (0, 255, 255))
    assert not near(through, without, by=40)  # printed cyan is far from the screen's
    assert through[2] > through[1] > through[0]


def test_inverted_cmyk_of_adobe_is_not_shown_inverted() -> None:
    data = encoded(plain(0, 0, 0, 0, mode="CMYK"), "JPEG")  # white paper
    assert b"Adobe" in data
    assert near(colour(opened(thumbnail(data, 32)), 0.5, 0.5), (255, 255, 255))


def test_cmyk_of_a_tiff_is_converted() -> None:
    data = encoded(plain(0, 255, 0, 0, mode="CMYK"), "TIFF")
    assert near(colour(opened(thumbnail(data, 32)), 0.5, 0.5), (255, 0, 255))


@pytest.mark.parametrize("name", ["Écran Pomm".encode("latin-1"), "プロ1".encode() + b"234"])
def test_the_name_of_a_profile_may_be_in_any_language(name: bytes) -> None:
    profile = ADOBE.replace(b"Compatible", name)
    assert len(profile) == len(ADOBE)
    data = encoded(plain(200, 100, 50), "PNG", icc_profile=profile)
    assert near(colour(opened(thumbnail(data, 32)), 0.5, 0.5), (228, 100, 43), by=4)


@pytest.mark.parametrize(
    "profile",
    [
        b"no profile",
        ADOBE[:100],
        P3.replace(b"RGB ", b"CMYK"),
        pytest.param(ADOBE.replace(b"RGB ", b"RG\xe9 "), id="a colour space that is not ASCII"),
    ],
)
def test_a_profile_that_makes_no_sense_is_ignored(profile: bytes) -> None:
    data = encoded(plain(200, 100, 50), "PNG", icc_profile=profile)
    assert near(colour(opened(thumbnail(data, 32)), 0.5, 0.5), (200, 100, 50), by=4)


def test_a_colour_profile_on_a_grey_picture_is_ignored() -> None:
    data = encoded(plain(90, mode="L"), "PNG", icc_profile=ADOBE)
    assert near(colour(opened(thumbnail(data, 32, format="png")), 0.5, 0.5), (90, 90, 90), by=1)


def test_the_gamma_of_a_png_is_applied() -> None:
    data = encoded(plain(100, 100, 100), "PNG")
    body = b"gAMA" + struct.pack(">I", 100_000)  # linear light
    chunk = struct.pack(">I", 4) + body + struct.pack(">I", zlib.crc32(body))
    image = opened(thumbnail(data[:33] + chunk + data[33:], 32, format="png"))
    assert near(colour(image, 0.5, 0.5), (167, 167, 167), by=3)


def test_a_photograph_in_srgb_is_not_touched() -> None:
    stored = photo(200, 200)
    image = opened(thumbnail(encoded(stored, "PNG"), 200, format="png"))
    assert image.tobytes() == stored.tobytes()
