"""The options of an upload: text from a form or a query to renditions."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args

from quickthumb.errors import InvalidOption
from quickthumb.jobs import Fit, Format, Gravity, Rendition
from quickthumb.settings import parse_sizes


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"expected {', '.join(allowed[:-1])} or {allowed[-1]}")
        return text

    return parse


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"expected a whole number from {low} to {high}")
        return int(text)

    return parse


def _colour(text: str) -> str:
    if not re.fullmatch(r"#?[0-9a-fA-F]{6}", text):
        raise ValueError("expected a colour as six hexadecimal digits, ffffff for white")
    return f"#{text.lstrip('#').lower()}"


_OPTIONS: Mapping[str, Callable[[str], Any]] = {
    "sizes": parse_sizes,
    "fit": _one_of(*get_args(Fit)),
    "gravity": _one_of(*get_args(Gravity)),
    "format": _one_of(*get_args(Format)),
    "quality": _whole(1, 100),
    "background": _colour,
    "max_bytes": _whole(1_000, 100_000_000),
}


def renditions_of(
    given: Iterable[tuple[str, str]], default_sizes: tuple[int, ...]
) -> tuple[Rendition, ...]:
    """Read the renditions that an upload asks for from its form fields and query parameters.

    Raises:
        InvalidOption: a name is unknown or given twice, or a value is not allowed.
    """
    options: dict[str, Any] = {}
    for name, text in given:
        if name not in _OPTIONS:
            raise InvalidOption(
                f"There is no option {name[:100]!r}: expected {', '.join(_OPTIONS)}.",
                field=name[:100],
            )
        if name in options:
            raise InvalidOption(f"The option {name} is given twice.", field=name)
        try:
            options[name] = _OPTIONS[name](text)
        except ValueError as error:
            raise InvalidOption(f"{name}: {text[:100]!r}: {error}.", field=name) from None
    sizes = options.pop("sizes", default_sizes)
    return tuple(Rendition(str(size), size, size, **options) for size in sizes)
