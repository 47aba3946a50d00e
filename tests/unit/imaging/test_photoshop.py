import struct
from dataclasses import replace

import pytest
from PIL import Image, ImageCms

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.render import render
from quickthumb.imaging.source import probe
from quickthumb.problems import Corrupt, TooManyPixels, UnsupportedFormat
from tests.unit.imaging.photoshop import psd, resource
from tests.unit.imaging.pictures import LIMITS, colour, near, opened, photo, psnr, thumbnail


def in_mode(mode: str) -> Image.Image:
    image = photo(101, 80)
    if mode == "LAB":
        srgb, lab = map(ImageCms.createProfile, ("sRGB", "LAB"))
        converted = ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")
        assert converted is not None
        return converted
    return image.convert(mode)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "LAB"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("big", [False, True])
def test_the_flattened_picture_is_shown(mode: str, packed: bool, bits: int, big: bool) -> None:
    if (mode, bits) == ("P", 16):
        pytest.skip("there are no palettes of 16 bits")
    image = in_mode(mode)
    data = psd(image, packed=packed, bits=bits, big=big)
    expected = photo(101, 80) if mode == "LAB" else image.convert("RGB")
    assert psnr(opened(thumbnail(data, 101, format="png")).convert("RGB"), expected) > 40


def blended() -> tuple[Image.Image, Image.Image]:
    """Return a red picture over white, as Photoshop stores it, and its transparency."""
    alpha = Image.linear_gradient("L").resize((80, 60))
    over = Image.new("RGB", alpha.size, "white")
    over.paste("red", mask=alpha)
    return over, alpha


@pytest.mark.parametrize("packed", [False, True])
def test_the_transparency_of_the_picture_is_kept_without_the_white_below_it(packed: bool) -> None:
    over, alpha = blended()
    image = opened(thumbnail(psd(over, extra=(alpha,), layers=-1, packed=packed), 40, format="png"))
    assert image.mode == "RGBA"
    assert near(colour(image, 0.5, 0.5), (255, 0, 0, 127), 6)
    assert psnr(image.getchannel("A"), alpha.resize((40, 30), Image.Resampling.LANCZOS)) > 40


@pytest.mark.parametrize("layers", [0, 1])
def test_a_saved_selection_is_no_transparency(layers: int) -> None:
    over, alpha = blended()
    image = opened(thumbnail(psd(over, extra=(alpha,), layers=layers), 40, format="png"))
    assert image.mode == "RGB"


def test_a_colour_of_a_palette_may_be_transparent() -> None:
    image = Image.new("P", (40, 30), 3)
    image.putpalette([0, 0, 0] * 3 + [255, 0, 0])
    data = psd(image, resources=resource(1047, b"\0\3"))
    assert colour(opened(thumbnail(data, 40, format="png")), 0.5, 0.5)[3] == 0


def test_its_profile_is_applied() -> None:
    swapped = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    red, blue = swapped.index(b"rXYZ"), swapped.index(b"bXYZ")
    profile = bytearray(swapped)
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    name = profile.index("sRGB".encode("utf-16-be"))
    profile[name : name + 8] = "swap".encode("utf-16-be")
    data = psd(Image.new("RGB", (40, 30), "red"), resources=resource(1039, bytes(profile)))
    assert near(colour(opened(thumbnail(data, 40, format="png")), 0.5, 0.5), (0, 0, 255), 20)


def test_a_file_without_a_flattened_picture_says_what_to_do() -> None:
    data = psd(photo(40, 30), resources=resource(1057, b"\0\0\0\1\0" + bytes(8)))
    with pytest.raises(UnsupportedFormat, match="Maximize Compatibility"):
        probe(data, LIMITS)
    kept = psd(photo(40, 30), resources=resource(1057, b"\0\0\0\1\1" + bytes(8)))
    assert probe(kept, LIMITS).width == 40


@pytest.mark.parametrize(("bits", "kind"), [(32, 3), (8, 7), (1, 3)])
def test_what_cannot_be_shown_is_refused_by_name(bits: int, kind: int) -> None:
    data = bytearray(psd(photo(40, 30)))
    data[22:26] = struct.pack(">HH", bits, kind)
    with pytest.raises(UnsupportedFormat, match=f"colour mode {kind} with {bits} bits"):
        probe(bytes(data), LIMITS)


def test_resources_are_counted() -> None:
    data = psd(photo(40, 30), resources=resource(1000, b"") * 6_000)
    with pytest.raises(Corrupt, match="5,000 image resources"):
        probe(data, LIMITS)


def test_pixels_and_memory_are_held_against_the_limits() -> None:
    data = bytearray(psd(photo(40, 30)))
    data[14:22] = struct.pack(">II", 300_000, 300_000)
    with pytest.raises(TooManyPixels):
        probe(bytes(data), LIMITS)
    with pytest.raises(TooManyPixels, match="MB"):
        render(
            psd(photo(400, 300)),
            [Rendition.square(10)],
            replace(LIMITS, max_decoded_bytes=200_000),
        )


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_file_is_corrupt(packed: bool, share: float) -> None:
    data = psd(photo(200, 150), packed=packed)
    with pytest.raises(Corrupt):
        thumbnail(data[: int(share * len(data))], 100)


def test_rows_that_unpack_to_too_little_are_corrupt() -> None:
    image = Image.new("L", (200, 150), 9)
    short = psd(Image.new("L", (100, 150), 9), packed=True)
    data = bytearray(short)
    data[18:22] = struct.pack(">I", image.width)
    with pytest.raises(Corrupt):
        thumbnail(bytes(data), 100)
