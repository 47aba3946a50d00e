"""Light beyond white. The expected levels were read from Chromium 150 on a screen of sRGB."""

import struct

import pytest

from tests.unit.imaging.containers import chunk
from tests.unit.imaging.pictures import encoded, near, opened, thumbnail
from tests.unit.imaging.test_colour import SRGB
from tests.unit.imaging.test_colour_codes import alike, cicp, png, shown, stripes

GREYS = [(level,) * 3 for level in (0, 40, 80, 100, 128, 144, 160, 180, 200, 255)]
COLOURS = [(150, 100, 60), (60, 150, 100), (100, 60, 150), (180, 140, 120)]
STORED = [*GREYS, *COLOURS]

PQ = cicp(9, 16, 0, 1)
HLG = cicp(9, 18, 0, 1)


def light_level(most: int) -> bytes:
    return chunk(b"cLLI", struct.pack(">II", most * 10_000, 0))


def mastered_on(most: int) -> bytes:
    return chunk(b"mDCV", bytes(16) + struct.pack(">II", most * 10_000, 50))


BY_CHROMIUM = {
    "PQ": (
        [PQ],
        [0, 9, 48, 76, 132, 175, 213, 242, 255, 255],
        [(237, 34, 0), (0, 204, 46), (78, 0, 203), (255, 96, 73)],
    ),
    "HLG": (
        [HLG],
        [0, 21, 57, 75, 99, 115, 135, 166, 202, 255],
        [(136, 70, 38), (0, 125, 74), (81, 35, 113), (182, 106, 94)],
    ),
    "PQ of at most 400 nits": (
        [PQ, light_level(400)],
        [0, 14, 61, 95, 163, 214, 249, 255, 255, 255],
        [(255, 43, 0), (0, 248, 58), (96, 0, 247), (255, 102, 78)],
    ),
    "PQ of P3": (
        [cicp(12, 16, 0, 1)],
        [0, 9, 48, 76, 132, 175, 213, 242, 255, 255],
        [(210, 66, 0), (0, 197, 55), (83, 21, 201), (255, 123, 79)],
    ),
}


@pytest.mark.parametrize("name", BY_CHROMIUM)
def test_light_beyond_white_is_compressed_as_by_chromium(name: str) -> None:
    chunks, greys, colours = BY_CHROMIUM[name]
    expected = [*((level,) * 3 for level in greys), *colours]
    assert alike(shown(png(*chunks, image=stripes(*STORED)), len(STORED)), expected, by=3)


def test_grey_pictures_take_the_same_way() -> None:
    grey = stripes(*GREYS).convert("L")
    for codes in (PQ, HLG):
        in_colour = shown(png(codes, image=stripes(*GREYS)), len(GREYS))
        assert alike(shown(png(codes, image=grey), len(GREYS)), in_colour, by=1)


def test_the_light_of_the_picture_counts_more_than_that_of_its_screen() -> None:
    image = stripes(*STORED)
    by_picture = png(PQ, light_level(400), mastered_on(4000), image=image)
    assert shown(by_picture) == shown(png(PQ, light_level(400), image=image))
    assert shown(png(PQ, mastered_on(400), image=image)) == shown(by_picture)
    unknown = png(PQ, light_level(0), mastered_on(0), image=image)
    assert shown(unknown) == shown(png(PQ, image=image))


def with_codes(*codes: int) -> bytes:
    """Return the profile of sRGB with these codes in it (ICC.1:2022, 9.2.17)."""
    [count] = struct.unpack_from(">I", SRGB, 128)
    end = 132 + 12 * count
    moved = bytearray(SRGB[132:end])
    for at in range(4, len(moved), 12):
        moved[at : at + 4] = struct.pack(">I", struct.unpack_from(">I", moved, at)[0] + 12)
    entry = struct.pack(">4sII", b"cicp", len(SRGB) + 12, 12)
    tags = struct.pack(">I", count + 1) + moved + entry + SRGB[end:]
    profile = SRGB[:128] + tags + b"cicp\0\0\0\0" + bytes(codes)
    return struct.pack(">I", len(profile)) + profile[4:]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_the_codes_in_a_profile_count_more_than_its_curves(
    kind: str, transfer: int, name: str
) -> None:
    profile = with_codes(9, transfer, 0, 1)
    data = encoded(stripes(*GREYS), kind, quality=100, icc_profile=profile)
    expected = [(level,) * 3 for level in BY_CHROMIUM[name][1]]
    assert alike(shown(data, len(GREYS)), expected, by=8)


@pytest.mark.parametrize("codes", [(9, 16, 9, 1), (9, 16, 0, 0), (2, 16, 0, 1), (9, 2, 0, 1)])
def test_codes_in_a_profile_that_mean_nothing_leave_its_curves(codes: tuple[int, ...]) -> None:
    data = encoded(stripes(*STORED), "PNG", icc_profile=with_codes(*codes))
    assert shown(data, len(STORED)) == STORED


def test_a_profile_with_truncated_codes_is_judged_by_its_curves() -> None:
    data = encoded(stripes(*STORED), "PNG", icc_profile=with_codes(9, 16, 0, 1)[:-3])
    assert shown(data, len(STORED)) == STORED


@pytest.mark.parametrize("most", [1, 100, 203])
def test_a_picture_no_brighter_than_white_is_not_dimmed(most: int) -> None:
    white = round(255 * 0.5807)  # the level of 203 nits: ITU-R BT.2408, table 1
    data = png(PQ, light_level(most), image=stripes((white,) * 3, (255,) * 3))
    assert alike(shown(data, 2), [(255,) * 3] * 2, by=3)


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_pictures_of_phones_are_converted_too(kind: str) -> None:
    data = encoded(stripes(*GREYS), kind, quality=100)
    at = data.index(b"colrnclx") + 8
    data = data[:at] + struct.pack(">HH", 9, 16) + data[at + 4 :]
    expected = [(level,) * 3 for level in BY_CHROMIUM["PQ"][1]]
    assert alike(shown(data, len(GREYS)), expected, by=8)


def test_the_light_level_of_an_avif_counts() -> None:
    data = encoded(stripes(*GREYS), "AVIF", quality=100)
    at = data.index(b"colrnclx") + 8
    data = data[:at] + struct.pack(">HH", 9, 16) + data[at + 4 :]
    # In the place of a description of its bits, which is as long.
    start = data.index(b"pixi") - 4
    assert data[start : start + 4] == struct.pack(">I", 16)
    level = struct.pack(">I4sHHI", 16, b"clli", 400, 0, 0)
    expected = [(level,) * 3 for level in BY_CHROMIUM["PQ of at most 400 nits"][1]]
    assert alike(shown(data[:start] + level + data[start + 16 :], len(GREYS)), expected, by=8)


def test_large_pictures_are_converted_in_bands_without_seams() -> None:
    image = stripes((128, 128, 128)).resize((700, 1100))
    thumb = opened(thumbnail(png(PQ, image=image), 1100, format="png"))
    [(_, (level, *_))] = thumb.convert("RGB").getcolors(1)  # type: ignore[misc,union-attr]
    assert near((int(level),), (132,), by=1)


def test_of_a_picture_with_a_gain_map_the_base_picture_is_shown() -> None:
    base, gains = stripes((200, 100, 50)), stripes((255, 255, 255))
    data = encoded(base, "MPO", save_all=True, append_images=[gains], quality=95)
    assert data.count(b"\xff\xd8\xff") == 2
    assert alike(shown(data, 1), [(200, 100, 50)], by=3)
