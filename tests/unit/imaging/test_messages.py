"""What is said of a broken file is said in words of our own, never in those of a library."""

import ast
import re
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

import quickthumb.imaging
from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.formats import EXTRA
from quickthumb.imaging.render import render
from quickthumb.imaging.source import probe
from quickthumb.limits import Limits
from quickthumb.problems import Corrupt, Unprocessable, UnsupportedFormat
from tests.unit.imaging.containers import chunk, jpeg_with, png_with, tiff
from tests.unit.imaging.moving import CASES
from tests.unit.imaging.pictures import encoded, photo
from tests.unit.imaging.test_fuzz import FORMATS, damaged, seed

LIMITS = Limits(max_pixels=1_000_000, max_seconds=5, extra_formats=EXTRA)
RENDITIONS = [Rendition.square(16), Rendition("moving", 16, 16, format="webp")]

VALUE = r"[^<>(){}\n]{0,120}?"
"""What may stand in the place of a value: a number, a size, or names."""

FOREIGN = re.compile(
    r"unpack|buffer|index out|range\(|object|NoneType|\w+Error|Exception|errno|byte string"
    r"|image file|not processed|cannot identify|data stream|broken|libpng|pyvips|heif|__|0x",
)
"""Words in which libraries speak."""


@cache
def own() -> tuple[re.Pattern[str], ...]:
    """Return what imaging raises, as patterns, from its source."""
    folder = Path(quickthumb.imaging.__file__).parent
    texts = {
        text
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args
        for text in pattern(node.exc.args[0])
    }
    return tuple(re.compile(text) for text in texts)


def pattern(node: ast.expr) -> Iterator[str]:
    """Yield the pattern of a text with values in it; nothing if it is no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield re.escape(node.value)
    elif isinstance(node, ast.JoinedStr):
        yield "".join(
            re.escape(str(each.value)) if isinstance(each, ast.Constant) else VALUE
            for each in node.values
        )


def said(data: bytes) -> list[str]:
    """Return what is said of a file that is refused by its header, or by its decoder."""
    words = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # readers tell of what they skip
        for step in (lambda: probe(data, LIMITS), lambda: render(data, RENDITIONS, LIMITS)):
            try:
                step()
            except Unprocessable as error:
                words.append(str(error))
    return words


def check(words: list[str]) -> None:
    for text in words:
        assert any(each.fullmatch(text) for each in own()), text
        assert not FOREIGN.search(text), text
        assert text.endswith("."), text


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_ends_anywhere_is_refused_in_our_words(name: str) -> None:
    data = seed(name)
    for end in {*range(12, min(len(data), 200), 7), *range(200, len(data), len(data) // 40)}:
        check(said(data[:end]))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_animation_that_ends_anywhere_is_refused_in_our_words(case: object) -> None:
    data = case.data  # type: ignore[attr-defined]
    for end in range(12, len(data), max(7, len(data) // 60)):
        check(said(data[:end]))


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(damaged())
def test_a_damaged_file_is_refused_in_our_words(data: bytes) -> None:
    check(said(data))


@pytest.mark.parametrize(
    "name", ["GIF", "AVIF", "TIFF", "BMP", "HEIF", "PNG", "JPEG2000", "JXL", "ICO", "PSD", "CR2"]
)
def test_a_truncated_file_is_called_truncated(name: str) -> None:
    data = seed(name)
    [text] = said(data[: len(data) * 2 // 3])[-1:]
    assert "truncated" in text


@pytest.mark.parametrize("name", ["GIF", "PNG", "AVIF", "TIFF"])
def test_a_damaged_file_is_called_damaged(name: str) -> None:
    data = bytearray(seed(name) if name != "PNG" else encoded(photo(48, 32), "PNG"))
    middle = data.index(b"IDAT") + 4 if name == "PNG" else len(data) // 2
    data[middle : middle + 40] = b"\xff" * 40
    if said(bytes(data)):
        assert "damaged" in said(bytes(data))[-1]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (jpeg_with(b"\xff\xc3\0\x0b\x08\0\x10\0\x10\1\1\x11\0"), "Lossless JPEG"),
        (jpeg_with(b"\xff\xc5\0\x0b\x08\0\x10\0\x10\1\1\x11\0"), "Hierarchical JPEG"),
        (jpeg_with(b"\xff\xf7\0\x0b\x08\0\x10\0\x10\1\1\x11\0"), "JPEG-LS"),
        (tiff((259, 99)), "TIFF pictures with compression 99"),
        (tiff((258, 3)), "TIFF pictures with such a pixel layout"),
    ],
)
def test_what_is_whole_but_not_supported_is_not_called_damaged(data: bytes, words: str) -> None:
    with pytest.raises(UnsupportedFormat, match=words):
        probe(data, LIMITS)


def test_a_damaged_chunk_that_pixels_depend_on_is_named() -> None:
    palette = chunk(b"PLTE", bytes(9))[:-1] + b"?"
    with pytest.raises(Corrupt, match=r"^The PLTE chunk of the PNG picture is damaged\.$"):
        probe(png_with(palette), LIMITS)
