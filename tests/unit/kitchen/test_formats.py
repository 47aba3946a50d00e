"""Formats whose decoders do much: confined, late, or dead."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from bench.hostile_files import endless_pdf, endless_svg
from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.engines.vips import is_there
from quickthumb.imaging.formats import EXTRA, FORMATS
from quickthumb.kitchen import Kitchen
from quickthumb.limits import Limits
from quickthumb.problems import TooSlow, Unprocessable, UnsupportedFormat
from tests.unit.imaging.drawings import pdf, svg, svg_of
from tests.unit.imaging.pictures import encoded, opened, photo

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not is_there(), reason="needs libvips, which draws SVG"),
]

LIMITS = Limits(extra_formats=EXTRA)
ONE = [Rendition("it", 64, 64, format="png")]


@pytest.fixture(scope="module")
def kitchen() -> Iterator[Kitchen]:
    pytest.importorskip("pypdfium2")
    kitchen = Kitchen(LIMITS)
    yield kitchen
    kitchen.close()


@pytest.mark.parametrize("format", FORMATS, ids=lambda each: each.name)
def test_every_format_is_decoded_where_no_file_can_be_opened(kitchen: Kitchen, format) -> None:
    data = encoded(photo(120, 90), format.name.upper())
    made = kitchen.render(data, ONE)
    assert made.source.content_type == format.content_type
    assert opened(made.thumbnails[0]).size == (64, 48)


def test_texts_are_drawn_where_no_font_can_be_opened(kitchen: Kitchen) -> None:
    font = "/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Unheard-Of>>>>>>"
    drawings = (
        svg('<text y="30" font-size="30" font-family="Unheard-Of">MM</text>'),
        pdf(b"BT /F 30 Tf 5 5 Td (MM) Tj ET", page=font),
    )
    for data in drawings:
        assert kitchen.render(data, ONE).source.width == 60


def test_a_file_beside_a_drawing_is_out_of_reach(kitchen: Kitchen, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(encoded(photo(60, 40), "PNG"))
    data = svg(f'<image width="60" height="40" href="{secret.as_uri()}"/>')
    image = opened(kitchen.render(data, ONE).thumbnails[0])
    assert image.convert("RGBA").getchannel("A").getextrema() == (0, 0)


@pytest.mark.parametrize("make", [endless_svg, endless_pdf])
def test_what_draws_for_ever_is_killed(make) -> None:
    pytest.importorskip("pypdfium2")
    kitchen = Kitchen(replace(LIMITS, max_seconds=1))
    kitchen.warm()
    [child] = kitchen.idle
    child.wait_ready()
    began = time.monotonic()
    with pytest.raises(TooSlow):
        kitchen.render(make(), [Rendition.square(4096)])
    assert child.ended
    assert time.monotonic() - began < 60  # it would take many minutes
    assert kitchen.render(encoded(photo(60, 40), "PNG"), ONE).source.width == 60
    kitchen.close()


def svg_with_a_bomb() -> bytes:
    """Return an SVG with a picture of 400 megapixels, of 50 kB."""
    return svg_of(Image.new("1", (20_000, 20_000)))


def pdf_with_a_bomb() -> bytes:
    """Return a PDF with a picture of 60,000 x 60,000 pixels, of one run."""
    picture = (
        b"<</Type/XObject/Subtype/Image/Width 60000/Height 60000/ColorSpace/DeviceRGB"
        b"/BitsPerComponent 8/Filter/RunLengthDecode/Length 3>>stream\n\x81\xff\x80\nendstream"
    )
    return pdf(
        b"60 0 0 40 0 0 cm /I Do",
        page="/Resources<</XObject<</I 5 0 R>>>>",
        objects={5: picture},
    )


@pytest.mark.parametrize("make", [svg_with_a_bomb, pdf_with_a_bomb])
def test_a_bomb_within_a_drawing_harms_no_other_picture(kitchen: Kitchen, make) -> None:
    with suppress(Unprocessable):  # or the drawing lacks it
        assert kitchen.render(make(), ONE).source.width > 0
    assert kitchen.render(encoded(photo(60, 40), "PNG"), ONE).source.width == 60


def test_a_child_that_was_not_told_so_does_not_draw() -> None:
    kitchen = Kitchen(Limits())
    for data in (svg(""), pdf()):
        with pytest.raises(UnsupportedFormat):
            kitchen.render(data, ONE)
    kitchen.close()
