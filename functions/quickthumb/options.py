"""Parses upload options and the setting of named renditions."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from quickthumb.documents.rendition import MAX_SIZE, Fit, Focus, Gravity, Rendition
from quickthumb.documents.spelled import spelled
from quickthumb.imaging.formats import FORMAT_OPTIONS, listed
from quickthumb.problems import InvalidOption

MAX_RENDITIONS = 8
"""Maximum number of sizes of an upload, and of named renditions."""


MAX_ALLOWED = 64
"""Maximum number of thumbnails that a service lists to be made on demand."""


def parse_sizes(text: str) -> tuple[int, ...]:
    """Parse a list of longest sides in pixels, "256,1024", removing duplicates.

    Raises:
        ValueError: says what was expected.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"[0-9]{1,6}", part) for part in parts):
        raise ValueError("expected whole numbers of pixels, separated by commas")
    sizes = tuple(dict.fromkeys(int(part) for part in parts))
    if not all(1 <= size <= MAX_SIZE for size in sizes):
        raise ValueError(f"expected sizes from 1 to {MAX_SIZE} pixels")
    if len(sizes) > MAX_RENDITIONS:
        raise ValueError(f"expected at most {MAX_RENDITIONS} sizes")
    return sizes


@dataclass(frozen=True, slots=True)
class Option:
    """An option of an upload.

    Attributes:
        meaning: description for users of the API.
        parse: parses text; raises `ValueError` that says what was expected.
        schema: JSON Schema of the value, or of the text if that is a list.
    """

    meaning: str
    parse: Callable[[str], Any]
    schema: Mapping[str, Any]


def _one_of(meaning: str, *allowed: str) -> Option:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"expected {listed(allowed)}")
        return text

    return Option(meaning, parse, {"type": "string", "enum": list(allowed), "default": allowed[0]})


def _whole(meaning: str, low: int, high: int) -> Option:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"expected a whole number from {low} to {high}")
        return int(text)

    return Option(meaning, parse, {"type": "integer", "minimum": low, "maximum": high})


def _colour(text: str) -> str:
    if not re.fullmatch(r"#?[0-9a-fA-F]{6}", text):
        raise ValueError("expected a colour as six hexadecimal digits, ffffff for white")
    return f"#{text.lstrip('#').lower()}"


_SHARE = r"(0?\.[0-9]{1,6}|[01](\.0{1,6})?)"  # 0 to 1


def _focus(text: str) -> Focus:
    if not re.fullmatch(rf"{_SHARE},{_SHARE}", text):
        raise ValueError("expected shares of width and height, 0.5,0.25 for the upper middle")
    x, y = (round(float(part), 4) for part in text.split(","))
    return x, y


_SIZE = r"([1-9][0-9]{0,2}|[1-3][0-9]{3}|40[0-8][0-9]|409[0-6])"  # 1 to MAX_SIZE

OPTIONS: Mapping[str, Option] = {
    "sizes": Option(
        f"The longest side of each thumbnail, 1 to {MAX_SIZE} pixels, separated by commas; "
        f"{MAX_RENDITIONS} at most. A thumbnail is never larger than its original.",
        parse_sizes,
        {
            "type": "string",
            "pattern": f"^{_SIZE}( *, *{_SIZE}){{0,{MAX_RENDITIONS - 1}}}$",
            "examples": ["256,1024"],
        },
    ),
    "fit": _one_of(
        "`contain` fits the whole picture into the size; `cover` fills a square and crops.",
        *get_args(Fit),
    ),
    "gravity": _one_of(
        "Which part `cover` keeps: the centre, the most salient part, or faces, and the most "
        "salient part if there are none.",
        *get_args(Gravity),
    ),
    "focus": Option(
        "The point that `cover` puts in the middle, as far as the edges allow: shares of the "
        "width, from the left, and of the height, from the top. `gravity` then has no effect.",
        _focus,
        {"type": "string", "pattern": f"^{_SHARE},{_SHARE}$", "examples": ["0.5,0.25"]},
    ),
    "format": _one_of(
        "Format of thumbnails; `auto` is WebP for transparent and animated pictures, else JPEG. "
        "`negotiate` makes AVIF, WebP and JPEG, and the `Accept` of a request chooses.",
        *FORMAT_OPTIONS,
    ),
    "quality": _whole("Quality of lossy formats; the default depends on the format.", 1, 100),
    "background": Option(
        "Colour to put under transparency, as six hexadecimal digits.",
        _colour,
        {"type": "string", "pattern": "^#?[0-9a-fA-F]{6}$", "examples": ["ffffff"]},
    ),
    "max_bytes": _whole(
        "Maximum size of a thumbnail in bytes: quality is lowered until it fits.",
        1_000,
        100_000_000,
    ),
}
"""Every option by its name in forms and queries."""


_NAME = re.compile(r"[a-z](?:[a-z0-9_-]{0,30}[a-y0-9_-])?")
"""Starts with a letter, unlike sizes, and does not end in "z" like paths reserved by Cloud Run."""

_WORDS = ("fit", "gravity", "format")
_VALUES = ("focus", "quality", "background", "max_bytes")


def parse_renditions(text: str) -> tuple[Rendition, ...]:
    """Parse named renditions, "small:256,cover:400x300:cover:webp:quality=70".

    Each is NAME:SIZE or NAME:WIDTHxHEIGHT in pixels, followed by options, separated by colons:
    values of `fit`, `gravity` and `format`, and `focus=`, `quality=`, `background=`, `max_bytes=`.

    Raises:
        ValueError: names the invalid part, and says what was expected.
    """
    renditions = tuple(_rendition(part.strip()) for part in _entries(text))
    names = [name for rendition in renditions for name in rendition.names]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the name {name!r} is used twice")
    if len(renditions) > MAX_RENDITIONS:
        raise ValueError(f"expected at most {MAX_RENDITIONS} renditions")
    return renditions


def _entries(text: str) -> list[str]:
    """Split a list at its commas, except that of `focus=x,y`."""
    entries: list[str] = []
    for part in text.split(","):
        if entries and re.search(r":focus=[0-9.]+\Z", entries[-1]):
            entries[-1] += f",{part}"
        else:
            entries.append(part)
    return entries


def parse_allowed(text: str) -> tuple[Rendition, ...]:
    """Parse thumbnails without names, "480,400x300:cover:webp"; otherwise as `parse_renditions`.

    They are named by what they are.

    Raises:
        ValueError: names the invalid part, and says what was expected.
    """
    entries = [part.strip() for part in _entries(text)]
    if len(entries) > MAX_ALLOWED:
        raise ValueError(f"expected at most {MAX_ALLOWED} entries")
    return tuple(spelled(_described(entry, "", entry.split(":"))) for entry in entries)


def _rendition(text: str) -> Rendition:
    name, *rest = text.split(":")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"in {text!r}: {name!r}: expected a name of up to 32 characters (a-z, 0-9, - and _) "
            "that starts with a letter and does not end in z"
        )
    if not rest:
        raise ValueError(f"in {text!r}: expected {name}:SIZE or {name}:WIDTHxHEIGHT, pixels")
    return _described(text, name, rest)


def _described(text: str, name: str, rest: Sequence[str]) -> Rendition:
    """Return a rendition from a size and options; `text` is what they are part of."""
    width, height = _box(text, rest[0])
    options: dict[str, Any] = {}
    for part in rest[1:]:
        option, value = _named(text, part)
        if option in options:
            raise ValueError(f"in {text!r}: {part!r}: the {option} is given twice")
        options[option] = value
    return Rendition(name, width, height, **options)


def _box(text: str, part: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,4})(?:x([0-9]{1,4}))?", part)
    sides = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not all(1 <= side <= MAX_SIZE for side in sides):
        raise ValueError(
            f"in {text!r}: {part!r}: expected SIZE or WIDTHxHEIGHT, from 1 to {MAX_SIZE} pixels"
        )
    return sides


def _named(text: str, part: str) -> tuple[str, Any]:
    """Parse an option of a rendition; return its name and value."""
    name, equals, value = part.partition("=")
    if equals and name in _VALUES:
        try:
            return name, OPTIONS[name].parse(value)
        except ValueError as error:
            raise ValueError(f"in {text!r}: {part!r}: {error}") from None
    words = {word: option for option in _WORDS for word in OPTIONS[option].schema["enum"]}
    if part not in words:
        expected = [*words, *(f"{name}=…" for name in _VALUES)]
        raise ValueError(f"in {text!r}: {part!r}: expected one of {', '.join(expected)}")
    return words[part], part


@dataclass(frozen=True, slots=True)
class Menu:
    """The thumbnails that a service offers.

    Attributes:
        named: made of every upload.
        sizes: default sizes, used when an upload requests none; longest sides in pixels.
        only: whether uploads may not request anything else.
    """

    named: tuple[Rendition, ...]
    sizes: tuple[int, ...]
    only: bool = False

    @property
    def standard(self) -> tuple[Rendition, ...]:
        """The default thumbnails."""
        return (*self.named, *map(Rendition.square, self.sizes))


def add_option(options: dict[str, Any], name: str, text: str) -> None:
    """Parse an option and add it to others. Raises `InvalidOption`, also if it is given twice."""
    if name in options:
        raise InvalidOption(f"The option {name} is given twice.", field=name)
    try:
        options[name] = OPTIONS[name].parse(text)
    except ValueError as error:
        raise InvalidOption(f"{name}: {text[:100]!r}: {error}.", field=name) from None


def renditions_of(given: Iterable[tuple[str, str]], menu: Menu) -> tuple[Rendition, ...]:
    """Parse the renditions that an upload requests in form fields and query parameters.

    Raises:
        InvalidOption: an option is unknown, given twice, invalid, or not allowed by the menu.
    """
    options: dict[str, Any] = {}
    for name, text in given:
        if menu.only:
            made = ", ".join(rendition.name for rendition in menu.standard)
            raise InvalidOption(
                f"This service only makes the thumbnails {made}: remove {name[:100]!r}.",
                field=name[:100],
            )
        if name not in OPTIONS:
            raise InvalidOption(
                f"Unknown option {name[:100]!r}: expected {', '.join(OPTIONS)}.",
                field=name[:100],
            )
        add_option(options, name, text)
    sizes = options.pop("sizes", menu.sizes)
    if options and not sizes:
        raise InvalidOption(
            f"{next(iter(options))} applies to thumbnails requested with sizes: add sizes, such as "
            "256,1024.",
            field=next(iter(options)),
        )
    return (*menu.named, *(Rendition(str(size), size, size, **options) for size in sizes))
