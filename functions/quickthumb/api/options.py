"""The options of an upload: text from a form or a query to renditions."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from quickthumb.errors import InvalidOption
from quickthumb.jobs import Fit, Format, Gravity, Rendition
from quickthumb.settings import MAX_RENDITIONS, MAX_SIZE, parse_sizes


@dataclass(frozen=True, slots=True)
class Option:
    """What an upload may ask for.

    Attributes:
        meaning: a sentence for who calls the API.
        parse: from text; raises `ValueError` that says what was expected.
        schema: JSON Schema of its value; of its text, where that is a list.
    """

    meaning: str
    parse: Callable[[str], Any]
    schema: Mapping[str, Any]


def _one_of(meaning: str, *allowed: str) -> Option:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"expected {', '.join(allowed[:-1])} or {allowed[-1]}")
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
        "Which part `cover` keeps: the middle, or the part that draws the eye.",
        *get_args(Gravity),
    ),
    "format": _one_of(
        "Of thumbnails; `auto` is WebP for transparent and animated pictures, else JPEG.",
        *get_args(Format),
    ),
    "quality": _whole("How good lossy formats look; unset, the default of the format.", 1, 100),
    "background": Option(
        "The colour that transparency is flattened onto, as six hexadecimal digits.",
        _colour,
        {"type": "string", "pattern": "^#?[0-9a-fA-F]{6}$", "examples": ["ffffff"]},
    ),
    "max_bytes": _whole(
        "The most a thumbnail may weigh, bytes: quality is lowered until it fits.",
        1_000,
        100_000_000,
    ),
}
"""Every option by its name in forms and queries."""


def renditions_of(
    given: Iterable[tuple[str, str]], default_sizes: tuple[int, ...]
) -> tuple[Rendition, ...]:
    """Read the renditions that an upload asks for from its form fields and query parameters.

    Raises:
        InvalidOption: a name is unknown or given twice, or a value is not allowed.
    """
    options: dict[str, Any] = {}
    for name, text in given:
        if name not in OPTIONS:
            raise InvalidOption(
                f"There is no option {name[:100]!r}: expected {', '.join(OPTIONS)}.",
                field=name[:100],
            )
        if name in options:
            raise InvalidOption(f"The option {name} is given twice.", field=name)
        try:
            options[name] = OPTIONS[name].parse(text)
        except ValueError as error:
            raise InvalidOption(f"{name}: {text[:100]!r}: {error}.", field=name) from None
    sizes = options.pop("sizes", default_sizes)
    return tuple(Rendition(str(size), size, size, **options) for size in sizes)
