"""Parses untrusted JSON, within limits.

Messages, blobs and metadata may be written by other programs or versions, or truncated. All errors
are raised as `InvalidMessage`.

Of duplicate members the last one counts, as in most JSON parsers.
"""

import json
import re
import threading
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from quickthumb.problems import InvalidMessage

MAX_BYTES = 1024 * 1024
"""Maximum size of a document, far above any of ours."""

MAX_DEPTH = 16
"""Maximum nesting of lists and objects; our documents have four levels."""

MAX_WHOLE = 2**63 - 1
"""The largest integer, which is the largest generation of Cloud Storage."""

T = TypeVar("T")

_ready: set[Any] = set()
_preparing = threading.Lock()

_PLAIN = {
    "int": "a whole number",
    "str": "text",
    "array": "a list",
    "object": "a JSON object",
    " | ": " or ",
    "`": "",
}


class WrongMember(InvalidMessage):
    """A document is JSON, but has an unexpected form.

    Attributes:
        member: name of the member at fault, empty for the document itself.
    """

    def __init__(self, message: str, member: str = "") -> None:
        super().__init__(message)
        self.member = member


def read(kind: type[T], body: bytes | str) -> T:
    """Parse a JSON document in UTF-8.

    Args:
        kind: type of the result, supported by msgspec.
        body: the document.

    Raises:
        WrongMember: it has another form; the message has the member, its value and what was
            expected.
        InvalidMessage: it is not JSON, or is too large or too deeply nested.
    """
    try:
        return _decode(kind, body)
    except msgspec.ValidationError as error:
        raise _wrong(kind, load(body), str(error)) from error


def load(body: bytes | str) -> Any:
    """Parse a JSON document of any form.

    Raises:
        InvalidMessage: it is not JSON, is too large or too deeply nested, or has a number that is
            too large.
    """
    try:
        document = _decode(object, body)
    except msgspec.ValidationError as error:
        raise InvalidMessage("a number is too large") from error
    _check(document, MAX_DEPTH)
    return document


def convert(kind: type[T], document: Any) -> T:
    """Convert a parsed document to a type.

    Raises:
        WrongMember: see `read`.
        InvalidMessage: it is too deeply nested, has a number that is too large, or text that is not
            Unicode.
    """
    _check(document, MAX_DEPTH)
    _prepare(kind)
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise _wrong(kind, document, str(error)) from error


def shown(value: Any) -> str:
    """Return a value for a message: on one line, of limited length."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}…"


def _decode(kind: type[T], body: bytes | str) -> T:
    if len(body) > MAX_BYTES:
        raise InvalidMessage(f"{len(body):,} bytes of JSON: expected at most {MAX_BYTES:,}")
    _prepare(kind)
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError:
        raise
    except RecursionError:
        raise InvalidMessage("not valid JSON: nested too deeply") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InvalidMessage("not valid JSON") from error


def _prepare(kind: Any) -> None:
    """Let msgspec look at a type once, in one thread.

    It does so when a type is first used, and other threads that use the type meanwhile crash the
    process (msgspec 0.22, tests/unit/test_untrusted.py). An instance often begins with several jobs
    at once.
    """
    if kind in _ready:
        return
    with _preparing:
        msgspec.json.Decoder(kind)
        _ready.add(kind)


def _check(value: Any, levels: int) -> None:
    """Check the depth of a document, the size of numbers, and that text is Unicode."""
    if isinstance(value, str):
        if not value.isascii() and re.search("[\ud800-\udfff]", value):
            raise InvalidMessage(f"{shown(value)}: lone surrogate")
    elif isinstance(value, dict | list):
        if not levels:
            raise InvalidMessage("nested too deeply")
        for part in (*value, *value.values()) if isinstance(value, dict) else value:
            _check(part, levels - 1)
    elif isinstance(value, int) and abs(value) > MAX_WHOLE:
        raise InvalidMessage(f"the number {str(value)[:20]} is too large")


def _wrong(kind: Any, document: Any, error: str) -> WrongMember:
    """Return msgspec's error in the terms of JSON, with the value at fault."""
    problem, at, where = error.rpartition(" - at `")
    if not at:
        problem, where = error, ""
    path = where.strip("$.`")
    keys = [int(index) if index else name for name, index in re.findall(r"(\w+)|\[(\d+)\]", path)]
    schema = _schema_at(kind, keys)
    if match := re.fullmatch(r"Object (missing|contains).* field `(.*)`", problem, re.DOTALL):
        name = json.dumps(f"{path}.{match[2]}".lstrip("."))[1:-1][:100]
        what = "is missing" if match[1] == "missing" else "is unknown"
        return WrongMember(
            f"{name} {what}: expected {', '.join(schema.get('properties', ()))}", match[2]
        )
    value = document
    with suppress(KeyError, IndexError, TypeError):
        for key in keys:
            value = value[key]
    expected = problem.partition(", got ")[0].replace("Expected", "expected")
    for word, plain in _PLAIN.items():
        expected = expected.replace(word, plain)
    if "enum" in schema:
        expected = f"expected {', '.join(schema['enum'])}"
    names = [key for key in keys if isinstance(key, str)]
    return WrongMember(
        f"{path}: {json.dumps(value)[:100]}: {expected}".removeprefix(": "),
        names[-1] if names else "",
    )


def _schema_at(kind: Any, keys: list[int | str]) -> dict[str, Any]:
    """Return the JSON Schema of a member, or of the nearest member around it."""
    whole = msgspec.json.schema(kind)
    node: dict[str, Any] = whole
    with suppress(KeyError):
        for key in [*keys, None]:
            while "$ref" in node:
                node = whole["$defs"][node["$ref"].rpartition("/")[2]]
            if key is not None:
                node = node["items"] if isinstance(key, int) else node["properties"][key]
    return node
