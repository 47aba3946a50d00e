"""Colours as Chromium shows them, for every description that it understands."""

import random

from PIL import Image, ImageChops, ImageStat
from selenium.webdriver import Chrome

from tests.browser.shown import shown
from tests.unit.imaging.pictures import encoded, opened, thumbnail
from tests.unit.imaging.test_bmp_colours import (
    CALIBRATED,
    EMBEDDED,
    P3_PRIMARIES,
    SRGB_PRIMARIES,
    bmp,
)
from tests.unit.imaging.test_colour import ADOBE, P3, linear
from tests.unit.imaging.test_colour_codes import chromaticities, cicp, gamma, nclx, png, profile
from tests.unit.imaging.test_hdr import light_level, mastered_on, with_codes

MEAN = 2
"""Levels by which the colours of a picture may differ in the mean."""


def everywhere() -> Image.Image:
    """Return 1,024 colours from all over the cube, a quarter of them grey."""
    chosen = random.Random(1)
    colours = [tuple(chosen.randrange(256) for _ in "rgb") for _ in range(768)]
    image = Image.new("RGB", (32, 32))
    image.putdata([*((level,) * 3 for level in range(256)), *colours])
    return image


IMAGE = everywhere()
TRANSFERS = (1, 4, 5, 6, 7, 8, 11, 13, 14, 15, 16, 17, 18)
PRIMARIES = (1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 22)
XYZ, HLG = 10, 18
PQ = cicp(9, 16, 0, 1)
P3_POINTS = chromaticities(0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
TUNGSTEN = chromaticities(0.4476, 0.4074, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)


def pngs(image: Image.Image) -> dict[str, bytes]:
    """Return PNGs by what describes their colours."""
    described = {
        f"cICP {primaries} {transfer}": cicp(primaries, transfer, 0, 1)
        for primaries in PRIMARIES
        for transfer in TRANSFERS
        # Light beyond white of impossible primaries, which nobody stores.
        if (primaries, transfer) != (XYZ, HLG)
    }
    described |= {
        f"gAMA {exponent} {points}": gamma(exponent) + chunks
        for exponent in (0.25, 1 / 2.8, 0.44, 1 / 2.2, 0.5, 1 / 1.8, 0.8, 1, 1.5)
        for points, chunks in {"": b"", "P3": P3_POINTS, "tungsten": TUNGSTEN}.items()
    }
    described |= {"cHRM": P3_POINTS, "nothing": b""}
    described |= {
        f"iCCP {name}": profile(content)
        for name, content in {"P3": P3, "Adobe": ADOBE, "linear": linear("sRGB built-in")}.items()
    }
    described |= {
        f"iCCP with {codes}": profile(with_codes(*codes, 0, 1))
        for codes in ((9, 16), (9, 18), (12, 13), (1, 8), (1, 1), (1, 4), (2, 13))
    }
    described |= {
        f"light of {most}": PQ + light_level(most) for most in (100, 203, 300, 600, 1000, 2000)
    }
    described |= {f"mastered on {most}": PQ + mastered_on(most) for most in (500, 4000)}
    return {name: png(chunks, image=image) for name, chunks in described.items()}


def bmps(browser: Chrome) -> dict[str, bytes]:
    embedded = {
        "embedded P3": bmp(EMBEDDED, profile=P3),
        "embedded Adobe": bmp(EMBEDDED, profile=ADOBE),
    }
    calibrated = {
        f"{name} {exponents} {size}": bmp(
            CALIBRATED, size=size, primaries=primaries, exponents=exponents
        )
        for name, primaries in {"sRGB": SRGB_PRIMARIES, "P3": P3_PRIMARIES}.items()
        for exponents in ((1, 1, 1), (2.2, 2.2, 2.2), (1, 2.2, 1.8))
        for size in (108, 124)
    }
    # Chromium 150 applies the primaries and gammas of a header, 156 does not.
    linear = calibrated["sRGB (1, 1, 1) 108"]
    [theirs] = shown(browser, [("image/bmp", "linear", linear)])
    is_applied = difference(opened(linear).convert("RGB"), theirs.convert("RGB")) > MEAN
    return embedded | (calibrated if is_applied else {})


def avifs() -> dict[str, bytes]:
    known = [each for each in TRANSFERS if each not in (11,)]
    return {
        f"nclx {primaries} {transfer}": nclx("AVIF", primaries, transfer)
        for primaries in (1, 2, 9, 12)
        for transfer in (2, *known)
    }


def with_profiles(kind: str, image: Image.Image) -> dict[str, bytes]:
    profiles = {"P3": P3, "Adobe": ADOBE, "linear": linear("sRGB built-in")}
    return {
        name: encoded(image, kind, icc_profile=content, quality=100)
        for name, content in profiles.items()
    }


def files(browser: Chrome) -> list[tuple[str, str, bytes]]:
    """Return pictures with their media type and name, of kinds that the browser understands."""
    groups = [
        ("image/png", "PNG", pngs(IMAGE)),
        ("image/png", "grey PNG", pngs(IMAGE.convert("L"))),
        ("image/bmp", "BMP", bmps(browser)),
        ("image/avif", "AVIF", avifs()),
        ("image/jpeg", "grey JPEG", with_profiles("JPEG", IMAGE.convert("L"))),
        ("image/jpeg", "JPEG", with_profiles("JPEG", IMAGE.resize((64, 64), 0))),
        ("image/webp", "WebP", with_profiles("WEBP", IMAGE)),
    ]
    return [
        (content_type, f"{group}, {name}", data)
        for content_type, group, members in groups
        for name, data in members.items()
    ]


def difference(one: Image.Image, other: Image.Image) -> float:
    assert one.size == other.size
    means = ImageStat.Stat(ImageChops.difference(one, other)).mean
    return sum(means) / len(means)


def test_colours_are_those_of_chromium(browser: Chrome) -> None:
    pictures = files(browser)
    assert len(pictures) > 400
    wrong = {}
    for (_, name, data), theirs in zip(pictures, shown(browser, pictures), strict=True):
        ours = opened(thumbnail(data, *theirs.size, format="png")).convert("RGB")
        mean = difference(ours, theirs.convert("RGB"))
        if mean > MEAN:
            wrong[name] = mean
    assert wrong == {}
