"""Colours of a BMP of version 4 and 5: an embedded profile, or primaries and exponents."""

import struct
from pathlib import Path

import pytest

from tests.unit.imaging import light
from tests.unit.imaging.test_colour_codes import STORED, alike, shown, stripes

P3_PROFILE = (Path(__file__).parents[2] / "fixtures/profiles/display-p3.icc").read_bytes()

CALIBRATED, EMBEDDED, SRGB = b"\0\0\0\0", b"DEBM", b"BGRs"

SRGB_PRIMARIES = ((0.64, 0.33), (0.3, 0.6), (0.15, 0.06))
P3_PRIMARIES = ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06))


def bmp(
    space: bytes,
    *,
    size: int = 124,
    primaries: tuple[tuple[float, float], ...] = ((0, 0),) * 3,
    exponents: tuple[float, float, float] = (0, 0, 0),
    profile: bytes = b"",
    profile_at: int | None = None,
) -> bytes:
    image = stripes(*STORED)
    pixels = image.transpose(1).tobytes("raw", "BGR")  # from the bottom
    head = struct.pack("<IiiHHII", size, *image.size, 1, 24, 0, len(pixels)) + bytes(32) + space
    for x, y in primaries:
        z = 1 - x - y if x else 0
        head += struct.pack("<3i", *(round(each * 2**30) for each in (x, y, z)))
    head += struct.pack("<3I", *(round(each * 65_536) for each in exponents))
    if size == 124:
        at = size + len(pixels) if profile_at is None else profile_at
        head += struct.pack("<4I", 4, at, len(profile), 0)
    assert len(head) == size
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + size) + head + pixels + profile


def test_an_embedded_profile_is_applied() -> None:
    expected = [light.shown(each, light.srgb, light.P3) for each in STORED]
    assert alike(shown(bmp(EMBEDDED, profile=P3_PROFILE)), expected)


@pytest.mark.parametrize("size", [108, 124])
@pytest.mark.parametrize(
    ("primaries", "matrix"), [(SRGB_PRIMARIES, light.SAME), (P3_PRIMARIES, light.P3)]
)
@pytest.mark.parametrize("exponent", [1, 1.8, 2.2])
def test_primaries_and_exponents_are_applied(
    size: int,
    primaries: tuple[tuple[float, float], ...],
    matrix: light.Matrix,
    exponent: float,
) -> None:
    data = bmp(CALIBRATED, size=size, primaries=primaries, exponents=(exponent,) * 3)
    assert alike(shown(data), [light.shown(each, light.power(exponent), matrix) for each in STORED])


def test_each_channel_has_its_own_exponent() -> None:
    data = bmp(CALIBRATED, primaries=SRGB_PRIMARIES, exponents=(1, 2.2, 1.8))
    by_channel = [
        [light.shown(each, light.power(exponent))[channel] for each in STORED]
        for channel, exponent in enumerate((1, 2.2, 1.8))
    ]
    assert alike(shown(data), list(zip(*by_channel, strict=True)))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(bmp(CALIBRATED), id="nothing filled in"),
        pytest.param(bmp(CALIBRATED, primaries=SRGB_PRIMARIES), id="no exponents"),
        pytest.param(bmp(CALIBRATED, exponents=(1, 1, 1)), id="no primaries"),
        pytest.param(bmp(SRGB, primaries=P3_PRIMARIES, exponents=(1, 1, 1)), id="sRGB by name"),
        pytest.param(bmp(EMBEDDED), id="no profile"),
        pytest.param(bmp(EMBEDDED, profile=b"no profile"), id="an invalid profile"),
        pytest.param(
            bmp(EMBEDDED, profile=P3_PROFILE, profile_at=2**32 - 1), id="beyond the end of the file"
        ),
    ],
)
def test_otherwise_it_is_srgb(data: bytes) -> None:
    assert shown(data) == list(STORED)
