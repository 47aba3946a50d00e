"""Pictures of every format are shown as Chromium shows them."""

import re
from collections import Counter

import pytest
from PIL import Image, ImageChops, ImageStat

pytest.importorskip("pyvips")

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.formats import FORMATS, sniff
from quickthumb.imaging.render import render
from tests.browser.gallery import all_samples
from tests.browser.shown import shown
from tests.unit.imaging.pictures import LIMITS, opened

MEAN = 4
"""Levels by which a picture may differ in the mean, on black and on white."""

EXCEPTIONS = {
    r"WEBP turned by EXIF [2-8]|PNG turned by EXIF [2-8] behind its pixels": (
        "Browsers show pictures while they arrive, so they do not turn one by what follows its "
        "pixels. In a WebP, EXIF always does. Programs that have the whole file turn it."
    ),
}
"""Pictures that differ, each with the reason."""


def on(colour: str, image: Image.Image) -> Image.Image:
    out = Image.new("RGBA", image.size, colour)
    out.alpha_composite(image)
    return out.convert("RGB")


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return the difference in the mean, levels, or that of black and white if the sizes differ."""
    if one.size != other.size:
        return 255
    pairs = ((on(colour, one), on(colour, other)) for colour in ("black", "white"))
    return max(sum(ImageStat.Stat(ImageChops.difference(*pair)).mean) / 3 for pair in pairs)


def test_pictures_are_those_of_chromium(browser) -> None:
    samples = all_samples()
    names = Counter(each.name for each in samples)
    assert [name for name, count in names.items() if count > 1] == []
    assert len(samples) >= 300
    formats = [sniff(each.data, LIMITS.extra_formats) for each in samples]
    assert set(formats) == set(FORMATS)
    sent = [
        (sniff(data, LIMITS.extra_formats).content_type, name, data)
        for name, data in ((each.name, each.twin or each.data) for each in samples)
    ]
    wrong = {}
    for sample, theirs in zip(samples, shown(browser, sent), strict=True):
        done = render(sample.data, [Rendition("it", *theirs.size, format="png")], LIMITS)
        size = (done.source.width, done.source.height)
        mean = difference(opened(done.thumbnails[0]).convert("RGBA"), theirs)
        if size != theirs.size or mean > MEAN:
            wrong[sample.name] = (size, theirs.size, round(mean, 1))
    expected = {name for name in names for each in EXCEPTIONS if re.fullmatch(each, name)}
    unexpected = [f"{name}: {each}" for name, each in wrong.items() if name not in expected]
    assert not unexpected, "\n".join(unexpected)
    assert set(wrong) == expected
