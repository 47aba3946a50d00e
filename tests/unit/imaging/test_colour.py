import struct
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from tests.unit.imaging.containers import chunk
from tests.unit.imaging.pictures import colour, encoded, near, opened, photo, thumbnail

CASES = Path(__file__).parents[2] / "fixtures" / "cases"
PROFILES = Path(__file__).parents[2] / "fixtures" / "profiles"
P3 = (PROFILES / "display-p3.icc").read_bytes()
ADOBE = (PROFILES / "adobe-rgb.icc").read_bytes()


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def linear(name: str) -> bytes:
    """Return a profile of sRGB's primaries, whose curves are straight (ICC.1:2022, 10.18)."""
    start = SRGB.index(b"para\0\0\0\0\0\3\0\0")
    curve = SRGB[start : start + 32]
    straight = curve[:12] + struct.pack(">5i", *(65536 * each for each in (1, 1, 0, 1, 0)))
    renamed = SRGB.replace("sRGB built-in".encode("utf-16-be"), name.encode("utf-16-be"))
    assert len(renamed) == len(SRGB)
    return renamed.replace(curve, straight)


def gamma_of(data: bytes, exponent: int) -> bytes:
    """Return a PNG with a gamma, in 100,000ths."""
    return data[:33] + chunk(b"gAMA", struct.pack(">I", exponent)) + data[33:]


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


def test_the_black_of_a_printer_stays_as_it_is_printed() -> None:
    pyvips = pytest.importorskip("pyvips")
    profile = bytes(pyvips.Operation.call("profile_load", "cmyk"))
    data = encoded(plain(255, 255, 255, 0, mode="CMYK"), "JPEG", icc_profile=profile)
    assert near(colour(opened(thumbnail(data, 32)), 0.5, 0.5), (47, 40, 56), by=6)  # Chromium


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
def test_an_invalid_profile_is_ignored(profile: bytes) -> None:
    data = encoded(plain(200, 100, 50), "PNG", icc_profile=profile)
    assert near(colour(opened(thumbnail(data, 32)), 0.5, 0.5), (200, 100, 50), by=4)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_colour_profile_on_a_grey_picture_is_applied(kind: str) -> None:
    data = encoded(plain(55, mode="L"), kind, icc_profile=linear("Any  Scanner "), quality=100)
    assert near(colour(opened(thumbnail(data, 32, format="png")), 0.5, 0.5), (128,) * 3, by=2)


def test_a_colour_profile_may_give_a_grey_picture_a_colour() -> None:
    start = SRGB.index(b"rTRC")  # the curve of red alone becomes straight
    red = linear("Any  Scanner ")
    reddish = SRGB[: start + 4] + struct.pack(">II", len(SRGB), 32) + SRGB[start + 12 :]
    curve = red.index(b"para\0\0\0\0\0\3\0\0")
    reddish += red[curve : curve + 32]
    reddish = struct.pack(">I", len(reddish)) + reddish[4:]
    data = encoded(plain(55, mode="L"), "PNG", icc_profile=reddish)
    red_level, green, blue = colour(opened(thumbnail(data, 32, format="png")), 0.5, 0.5)
    assert near((red_level, green, blue), (128, 55, 55), by=2)


def test_a_grey_profile_on_a_colour_picture_is_ignored() -> None:
    with Image.open(CASES / "jpg_gray_icc_gamma22.jpg") as grey:
        profile = grey.info["icc_profile"]
    data = encoded(plain(200, 100, 50), "PNG", icc_profile=profile)
    assert colour(opened(thumbnail(data, 32, format="png")), 0.5, 0.5) == (200, 100, 50)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_a_profile_may_be_larger_than_a_megabyte(kind: str) -> None:
    size = 1_500_000
    large = struct.pack(">I", size) + ADOBE[4:].ljust(size - 4, b"\0")
    data = encoded(plain(200, 100, 50), kind, icc_profile=large, quality=95)
    image = opened(thumbnail(data, 32, format="png"))
    assert near(colour(image, 0.5, 0.5), (228, 100, 43), by=5)


def test_the_gamma_of_a_png_is_applied() -> None:
    data = gamma_of(encoded(plain(100, 100, 100), "PNG"), 100_000)  # linear light
    image = opened(thumbnail(data, 32, format="png"))
    assert near(colour(image, 0.5, 0.5), (167, 167, 167), by=3)


@pytest.mark.parametrize("profile", [SRGB, P3], ids=["sRGB", "P3"])
def test_a_profile_counts_more_than_the_gamma_of_a_png(profile: bytes) -> None:
    data = gamma_of(encoded(plain(100, 100, 100), "PNG", icc_profile=profile), 100_000)
    image = opened(thumbnail(data, 32, format="png"))
    assert near(colour(image, 0.5, 0.5), (100, 100, 100), by=1)


def test_the_gamma_is_used_if_the_profile_is_invalid() -> None:
    data = gamma_of(encoded(plain(100, 100, 100), "PNG", icc_profile=b"no profile"), 100_000)
    image = opened(thumbnail(data, 32, format="png"))
    assert near(colour(image, 0.5, 0.5), (167, 167, 167), by=3)


@pytest.mark.parametrize("name", ["sRGB built-in", "sRGB linear  "])
def test_a_profile_is_not_taken_for_srgb_because_of_its_name(name: str) -> None:
    data = encoded(plain(55, 55, 55), "PNG", icc_profile=linear(name))
    image = opened(thumbnail(data, 32, format="png"))
    assert near(colour(image, 0.5, 0.5), (128, 128, 128), by=1)


def test_a_profile_of_cmyk_is_not_taken_for_srgb_by_its_name() -> None:
    profile = ADOBE.replace(b"RGB ", b"CMYK").replace(b"Compatible with", b"sRGB".ljust(15))
    profile = profile.replace(b"Adobe RGB (1998)", b" " * 16)
    data = encoded(plain(255, 0, 0, 0, mode="CMYK"), "JPEG", icc_profile=profile)
    assert near(colour(opened(thumbnail(data, 32)), 0.5, 0.5), (0, 255, 255))


def test_the_profile_of_srgb_itself_changes_nothing() -> None:
    stored = photo(200, 200)
    image = opened(thumbnail(encoded(stored, "PNG", icc_profile=SRGB), 200, format="png"))
    assert image.tobytes() == stored.tobytes()


def test_a_profile_that_means_srgb_changes_nothing_whatever_its_name() -> None:
    pyvips = pytest.importorskip("pyvips")
    profile = bytes(pyvips.Operation.call("profile_load", "srgb"))  # by a curve of points
    renamed = SRGB.replace("sRGB built-in".encode("utf-16-be"), "Some  Scanner".encode("utf-16-be"))
    stored = photo(200, 200)
    for each in (profile, renamed):
        image = opened(thumbnail(encoded(stored, "PNG", icc_profile=each), 200, format="png"))
        assert image.tobytes() == stored.tobytes()


def test_a_photograph_in_srgb_is_not_touched() -> None:
    stored = photo(200, 200)
    image = opened(thumbnail(encoded(stored, "PNG"), 200, format="png"))
    assert image.tobytes() == stored.tobytes()
