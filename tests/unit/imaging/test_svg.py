from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.engines.vips import is_there
from quickthumb.imaging.render import render
from quickthumb.imaging.source import probe
from quickthumb.problems import Corrupt, TooManyPixels
from tests.unit.imaging.drawings import svg
from tests.unit.imaging.pictures import (
    LIMITS,
    colour,
    encoded,
    near,
    opened,
    photo,
    rendered,
    thumbnail,
)

pytestmark = pytest.mark.skipif(not is_there(), reason="needs libvips, which draws SVG")

SQUARE = '<rect width="30" height="40" fill="red"/>'
RED = (255, 0, 0, 255)


def size(attributes: str) -> tuple[int, int]:
    source = probe(svg("", attributes), LIMITS)
    return source.width, source.height


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ('width="60" height="40"', (60, 40)),
        ("width='60px' height = '40.4px'", (60, 40)),
        ('viewBox="0 0 60 40"', (60, 40)),
        ('viewBox="-5,-5,60,40"', (60, 40)),
        ('width="1in" height="72pt"', (96, 96)),
        ('width="25.4mm" height="2.54cm"', (96, 96)),
        ('width="120" viewBox="0 0 60 40"', (120, 80)),
        ('width="100%" height="100%" viewBox="0 0 60 40"', (60, 40)),
        ('viewBox="0 0 10000 5000"', (4096, 2048)),
        ("", (300, 150)),
        ('viewBox="a b c d"', (300, 150)),
        ('data-width="9" width="60" height="40"', (60, 40)),
    ],
)
def test_its_size_is_what_it_states(attributes: str, expected: tuple[int, int]) -> None:
    assert size(attributes) == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ('width="30mm" height="20mm" viewBox="0 0 60 40"', (113, 76)),
        ('width="72pt" height="1in"', (96, 96)),
        ('width="60" height="40"', (60, 40)),
    ],
)
def test_it_is_drawn_in_the_size_that_it_states(attributes: str, expected: tuple[int, int]) -> None:
    source = rendered(svg(SQUARE, attributes), 32).source
    assert (source.width, source.height) == expected


def test_what_states_no_size_has_that_of_what_is_drawn() -> None:
    source = rendered(svg('<rect width="90" height="90"/>', ""), 32).source
    assert (source.width, source.height) == (90, 90)


def test_a_thumbnail_is_drawn_in_its_own_size_and_may_be_larger_than_stated() -> None:
    image = opened(thumbnail(svg(SQUARE), 600, format="png"))
    assert image.size == (600, 400)
    assert (colour(image, 0.49, 0.5), colour(image, 0.51, 0.5)) == (RED, (0, 0, 0, 0))


def test_it_is_cropped_like_a_picture() -> None:
    image = opened(thumbnail(svg(SQUARE), 500, 100, fit="cover", format="png"))
    assert image.size == (500, 100)


def test_a_small_file_is_no_reason_for_a_low_quality() -> None:
    image = opened(thumbnail(svg(f'{SQUARE}<circle r="20" fill="blue"/>'), 400, format="jpeg"))
    assert near(colour(image, 0.3, 0.9), RED[:3], 3)


@pytest.mark.parametrize(
    "before",
    [
        '<?xml version="1.0" encoding="UTF-8"?>\n',
        "\ufeff",
        "<!-- made by hand -->\n" * 100,
        '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://127.0.0.1:1/svg11.dtd">',
        '<!DOCTYPE svg [<!ENTITY ns "http://example.com/">]>',
    ],
)
def test_what_comes_before_the_drawing_does_not_matter(before: str) -> None:
    image = opened(thumbnail(svg(SQUARE, before=before), 60, format="png"))
    assert colour(image, 0.2, 0.5) == RED


@pytest.mark.parametrize(
    "reference",
    [
        '<image width="60" height="40" href="{uri}"/>',
        '<image width="60" height="40" xlink:href="{uri}"/>',
        '<use href="{uri}#a"/>',
        '<style>@import url("{uri}");</style>',
        '<style>rect {{ fill: url("{uri}#a") }}</style><rect width="60" height="40" fill="none"/>',
        '<filter id="f"><feImage href="{uri}"/></filter><g filter="url(#f)"/>',
    ],
)
def test_nothing_outside_of_the_file_is_drawn(tmp_path: Path, reference: str) -> None:
    (tmp_path / "a.png").write_bytes(encoded(photo(60, 40), "PNG"))
    (tmp_path / "a.svg").write_bytes(svg('<g id="a"><rect width="60" height="40"/></g>'))
    for name in ("a.png", "a.svg"):
        for uri in ((tmp_path / name).as_uri(), str(tmp_path / name)):
            data = svg(reference.format(uri=uri))
            image = opened(thumbnail(data, 60, format="png")).convert("RGBA")
            assert image.getchannel("A").getextrema() in ((0, 0), (0, 255))
            assert image.getpixel((30, 20)) == (0, 0, 0, 0) or "rect" in reference


def test_entities_cannot_read_files(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text('<rect width="60" height="40"/>')
    before = f'<!DOCTYPE svg [<!ENTITY a SYSTEM "{(tmp_path / "secret.txt").as_uri()}">]>'
    try:
        image = opened(thumbnail(svg("&a;", before=before), 60, format="png")).convert("RGBA")
    except Corrupt:
        return
    assert image.getchannel("A").getextrema() == (0, 0)


def test_entities_and_references_that_multiply_are_refused() -> None:
    names = "abcdefghij"
    chain = f'<!ENTITY a "{"x" * 40}">' + "".join(
        f'<!ENTITY {name} "' + f"&{before};" * 20 + '">' for before, name in pairwise(names)
    )
    laughs = svg("<text>&j;</text>", before=f"<!DOCTYPE svg [{chain}]>")
    groups = "".join(
        f'<g id="g{number + 1}">' + f'<use href="#g{number}"/>' * 10 + "</g>" for number in range(8)
    )
    uses = svg(f'<defs><g id="g0"><rect/></g>{groups}</defs><use href="#g8"/>')
    for data in (laughs, uses):
        with pytest.raises(Corrupt, match="refers to itself"):
            thumbnail(data, 60)


def test_a_drawing_within_itself_ends() -> None:
    data = svg(f'<g id="a">{SQUARE}<use href="#a"/></g>')
    assert opened(thumbnail(data, 60)).size == (60, 40)


def test_scripts_are_not_run() -> None:
    script = "<script>document.documentElement.innerHTML = ''</script>"
    assert colour(opened(thumbnail(svg(SQUARE + script), 60, format="png")), 0.2, 0.5) == RED


def test_elements_and_bytes_are_counted() -> None:
    with pytest.raises(Corrupt, match="more than 50,000 tags"):
        probe(svg("<g/>" * 50_001), LIMITS)
    with pytest.raises(Corrupt, match="10,000,000"):
        probe(svg(" " * 10_000_000), LIMITS)


def test_elements_within_elements_are_bounded() -> None:
    with pytest.raises(Corrupt):
        thumbnail(svg("<g>" * 20_000 + "</g>" * 20_000), 60)


def test_the_memory_of_a_thumbnail_counts() -> None:
    with pytest.raises(TooManyPixels, match="MB"):
        render(svg(SQUARE), [Rendition.square(4096)], replace(LIMITS, max_decoded_bytes=10**8))


@pytest.mark.parametrize(
    "data",
    [
        svg("<rect"),
        svg("</a>"),
        svg(SQUARE, 'width="0" height="0"').replace(b"rect", b"text"),
        b'<svg xmlns="http://www.w3.org/2000/svg" ' + b"a" * 20_000,
    ],
)
def test_what_is_no_xml_is_corrupt(data: bytes) -> None:
    with pytest.raises(Corrupt, match="SVG picture"):
        thumbnail(data, 60)
