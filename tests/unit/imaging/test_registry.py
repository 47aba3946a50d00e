"""Format descriptors are correct, and no other code compares formats."""

import ast
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from PIL import Image

from quickthumb.imaging.decoders import named
from quickthumb.imaging.formats import FORMAT_OPTIONS, FORMATS, OUTPUTS
from quickthumb.imaging.formats.descriptor import Output
from tests.unit.imaging.pictures import colour, encoded, near, opened, photo, thumbnail

ROOT = Path(__file__).parents[3]
HOME = ROOT / "functions/quickthumb/imaging/formats"
CONTENT = ROOT / "functions/quickthumb/api/content.py"  # knows the files of the web page
NAMES = frozenset(
    name.casefold()
    for each in FORMATS
    for name in (each.name, each.title, each.content_type, *each.extensions)
)

outputs = pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)


def compared(code: str) -> Iterator[int]:
    """Yield the lines on which code does one thing for one format, and another for others."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Compare(left=left, comparators=others):
                asked = [left, *others]
            case ast.Dict(keys=keys):
                asked = keys
            case ast.MatchValue(value=value) | ast.Subscript(slice=value):
                asked = [value]
            case ast.Set(elts=elements):
                asked = elements
            case ast.Call(func=ast.Name(id="set" | "frozenset"), args=arguments):
                asked = arguments
            case ast.Call(func=ast.Attribute(attr="get" | "startswith" | "endswith"), args=values):
                asked = values
            case _:
                continue
        for part in chain.from_iterable(ast.walk(each) for each in asked if each):
            if isinstance(part, ast.Constant) and _name(part.value) in NAMES:
                yield part.lineno


def _name(value: object) -> str | None:
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    return text.casefold().lstrip(".") if isinstance(text, str) else None


@pytest.mark.parametrize(
    "code",
    [
        "format == 'jpeg'",
        "b'WEBP' in data",
        "header.format in ('PNG', 'GIF')",
        "{'image/avif': 1}",
        "Literal['auto', 'tiff']",
        "frozenset(('bmp', 'x'))",
        "path.suffix != '.JPG'",
        "qualities.get('webp', 80)",
        "match output:\n    case 'png': pass",
    ],
)
def test_a_format_that_is_compared_is_noticed(code: str) -> None:
    assert list(compared(code))


def test_no_format_is_compared_outside_of_the_registry() -> None:
    files = [*(ROOT / "functions").rglob("*.py"), *(ROOT / "emulator").rglob("*.py")]
    assert len(files) > 100
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in files
        if HOME not in path.parents and path != CONTENT
        for line in compared(path.read_text())
    ]
    assert found == []


def test_no_two_formats_have_a_name_in_common() -> None:
    for names in (
        [each.name for each in FORMATS],
        [each.content_type for each in FORMATS],
        [extension for each in FORMATS for extension in each.extensions],
    ):
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("format", FORMATS, ids=lambda each: each.name)
def test_what_decodes_is_where_a_format_says(format) -> None:
    assert all(callable(named(place)) for place in (format.opener, format.decode) if place)


def test_the_document_of_the_api_lists_the_formats_of_thumbnails() -> None:
    api = (ROOT / "docs/api.md").read_text()
    [row] = [line for line in api.splitlines() if line.startswith("| `format` |")]
    assert re.findall(r"`(\w+)`", row.split("|")[2]) == list(FORMAT_OPTIONS)


@outputs
def test_transparency_is_kept_where_a_format_holds_it(output: Output) -> None:
    data = encoded(Image.new("RGBA", (60, 60), (255, 0, 0, 128)), "PNG")
    image = opened(thumbnail(data, 30, format=output.name))
    expected = (255, 0, 0, 128) if output.writer.alpha else (255, 127, 127)
    assert near(colour(image, 0.5, 0.5), expected)


@outputs
@pytest.mark.parametrize("kind", [each.name.upper() for each in FORMATS if each.animated])
def test_there_are_several_frames_only_where_a_format_holds_them(kind: str, output: Output) -> None:
    first, *others = [Image.new("RGB", (40, 30), name) for name in ("red", "lime", "blue")]
    data = encoded(first, kind, save_all=True, append_images=others, duration=80)
    image = opened(thumbnail(data, 20, format=output.name))
    assert getattr(image, "n_frames", 1) == (3 if output.writer.animation else 1)


@outputs
def test_no_pixel_is_lost_where_a_format_is_lossless(output: Output) -> None:
    data = encoded(photo(60, 40), "PNG")
    image = opened(thumbnail(data, 60, format=output.name))
    assert (image.tobytes() == photo(60, 40).tobytes()) is output.writer.lossless


@outputs
def test_few_colours_are_left_where_a_format_saves_by_a_palette(output: Output) -> None:
    picture = thumbnail(encoded(photo(90, 60), "PNG"), 90, format=output.name, quality=10)
    assert (opened(picture).mode == "P") is output.writer.palette


@outputs
def test_a_thumbnail_is_named_and_written_as_its_format_says(output: Output) -> None:
    data = encoded(photo(90, 60), "JPEG")
    one, other = (thumbnail(data, 60, format=output.name) for _ in range(2))
    assert (one.content_type, one.extension) == (output.content_type, output.extensions[0])
    assert output.begins(one.data)
    assert one == other
