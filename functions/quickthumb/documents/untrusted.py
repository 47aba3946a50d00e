"""JSON that somebody else may have written: read within bounds, or not at all.

Messages, blobs and their metadata need not be what this version wrote: other programs write them
too, and other versions, and a write may have been cut off. Whatever is wrong with one of them is
told as `InvalidMessage`, which is a fault of that one and of nothing else.

A member that comes twice counts as it comes last, as nearly everywhere.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin

from quickthumb.problems import InvalidMessage

MAX_BYTES = 1024 * 1024
"""The largest document, far above any of ours."""

MAX_DEPTH = 16
"""How many lists and objects may lie in each other; ours are four deep."""

MAX_WHOLE = 2**63 - 1
"""The largest whole number, which is the largest generation that Cloud Storage can give."""

T = TypeVar("T")


def _whole(text: str) -> int:
    if len(text) > len(str(-MAX_WHOLE)) or abs(int(text)) > MAX_WHOLE:
        raise ValueError(f"the number {text[:20]} is too large")
    return int(text)


def _fraction(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:20]} is too large")
    return number


def _constant(text: str) -> float:
    raise ValueError(f"{text} is no number")


def load(
    body: bytes | str,
    *,
    whole: Callable[[str], int] = _whole,
    fraction: Callable[[str], float] = _fraction,
) -> Any:
    """Read a JSON document in UTF-8.

    Args:
        body: the document.
        whole: reads a whole number; raises `ValueError` for one that is not allowed.
        fraction: reads a number with a fraction or an exponent, in the same way.

    Raises:
        InvalidMessage: it is none, or is larger, deeper or has larger numbers than allowed here.
    """
    try:
        if len(body) > MAX_BYTES:
            raise ValueError(f"{len(body):,} bytes, at most {MAX_BYTES:,} are read")
        text = body.decode() if isinstance(body, bytes) else body
        document = json.loads(text, parse_int=whole, parse_float=fraction, parse_constant=_constant)
        _check(document)
    except RecursionError:
        raise InvalidMessage("not JSON that is read here: nested too deeply") from None
    except ValueError as error:
        raise InvalidMessage(f"not JSON that is read here: {error}") from error
    return document


def load_object(body: bytes | str) -> dict[str, Any]:
    """Read a JSON document that is an object; see `load`."""
    return an_object(load(body))


def an_object(value: Any) -> dict[str, Any]:
    """Return a value that is a JSON object.

    Raises:
        InvalidMessage: it is none.
    """
    if not isinstance(value, dict):
        raise InvalidMessage(f"{shown(value)}: expected a JSON object")
    return value


def a_list(value: Any) -> list[Any]:
    """Return a value that is a list.

    Raises:
        InvalidMessage: it is none.
    """
    if not isinstance(value, list):
        raise InvalidMessage(f"{shown(value)}: expected a list")
    return value


def text(document: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """Return a member that is text.

    Raises:
        InvalidMessage: it is something else, or it is missing and there is no default.
    """
    value = _member(document, name, default)
    if not isinstance(value, str) or not _is_unicode(value):
        raise InvalidMessage(f"{name}: {shown(value)}: expected text")
    return value


def whole(
    document: Mapping[str, Any],
    name: str,
    low: int,
    high: int = MAX_WHOLE,
    default: int | None = None,
) -> int:
    """Return a member that is a whole number from `low` to `high`.

    Raises:
        InvalidMessage: it is something else, or it is missing and there is no default.
    """
    value = _member(document, name, default)
    if type(value) is not int or not low <= value <= high:
        raise InvalidMessage(
            f"{name}: {shown(value)}: expected a whole number from {low} to {high}"
        )
    return value


def record(kind: type[T], value: Any, *, strict: bool = False) -> T:
    """Make a dataclass of a JSON object whose members have the types of its fields.

    Args:
        kind: of the record; its fields are text, whole numbers, literals, or one of these or None.
        value: the object.
        strict: refuse members that are no fields, which otherwise are passed over, since a later
            version may have added them.

    Raises:
        InvalidMessage: a member is missing, unknown or has another type.
    """
    document = an_object(value)
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    if strict and (unknown := document.keys() - known.keys()):
        raise InvalidMessage(f"unknown member {shown(min(unknown))}")
    given = {}
    for name, field in known.items():
        if name not in document and field.default is not MISSING:
            continue
        given[name] = _member(document, name, None)
        if not _is(given[name], field.type):
            raise InvalidMessage(f"{name}: {shown(given[name])}: expected {_told(field.type)}")
    return kind(**given)


def shown(value: Any) -> str:
    """Return a value as it is shown in a message to a person, on one line and not too long."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}…"


def _member(document: Mapping[str, Any], name: str, default: Any) -> Any:
    if name in document:
        return document[name]
    if default is None:
        raise InvalidMessage(f"{name} is missing")
    return default


def _is(value: Any, kind: Any) -> bool:
    """Tell whether a value is of a type; to JSON, true and false are no numbers."""
    if get_origin(kind) is UnionType:
        return any(_is(value, one) for one in get_args(kind))
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    return type(value) is kind


def _told(kind: Any) -> str:
    if get_origin(kind) is UnionType:
        return " or ".join(_told(one) for one in get_args(kind))
    if get_origin(kind) is Literal:
        return ", ".join(get_args(kind))
    return {str: "text", int: "a whole number"}.get(kind, "null")


def _check(document: Any) -> None:
    """See that a document is not too deep, and that its text can be encoded."""
    layer = [document]
    for depth in range(MAX_DEPTH + 1):
        if not all(_is_unicode(value) for value in layer if isinstance(value, str)):
            raise ValueError("half of a surrogate pair is missing")
        if depth == MAX_DEPTH and any(isinstance(value, dict | list) for value in layer):
            raise ValueError("nested too deeply")
        layer = [part for value in layer for part in _parts(value)]


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value
        yield from value.values()
    elif isinstance(value, list):
        yield from value
