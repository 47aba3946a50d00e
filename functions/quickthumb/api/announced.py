"""What will they send? The JSON that announces a large upload to an upload and its options."""

import json
import re
from typing import Any

from quickthumb.documents import untrusted
from quickthumb.options import OPTIONS
from quickthumb.problems import InvalidMessage, InvalidOption, Refused, TooLarge
from quickthumb.upload import Announced

_ANY = "application/octet-stream"
CONTENT_TYPE = rf"^(image/[0-9A-Za-z_.+-]{{1,100}}|{_ANY})\Z"
"""What a client may claim a picture to be, a regular expression."""

_MEMBERS = ("filename", "content_type", "size", "options")


def read_announced(body: bytes, max_bytes: int) -> tuple[Announced, tuple[tuple[str, str], ...]]:
    """Read the body of `POST /uploads`: the upload, and its options as a form would have them.

    Args:
        body: JSON.
        max_bytes: the largest upload that is taken.

    Raises:
        Refused: the body is no JSON object.
        InvalidOption: a member is missing, unknown or has a value that is not allowed.
        TooLarge: the upload will have more bytes than the limit.
    """
    document = _object(body)
    unknown = [name for name in document if name not in _MEMBERS]
    if unknown:
        raise InvalidOption(
            f"There is no member {unknown[0][:100]!r}: expected {', '.join(_MEMBERS)}.",
            field=unknown[0][:100],
        )
    size = _size(document.get("size"))
    if size > max_bytes:
        raise TooLarge(
            f"The upload has {size:,} bytes: at most {max_bytes:,} are accepted.", field="size"
        )
    return (
        Announced(
            _filename(document.get("filename", "")),
            _content_type(document.get("content_type", _ANY)),
            size,
        ),
        _options(document.get("options", {})),
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        return untrusted.an_object(untrusted.load(body, whole=int, fraction=_number))
    except InvalidMessage:
        raise Refused(
            'The body is no JSON object: expected one like {"size": 104857600}, and the picture '
            "itself afterwards, at the URL that is answered."
        ) from None


def _number(text: str) -> int | float:
    """Read a number that is written like 5.0 as what it is to JSON: a whole one."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _size(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise _invalid("size", value, "the number of bytes of the picture, at least 1")
    return value


def _filename(value: Any) -> str:
    if not isinstance(value, str):
        raise _invalid("filename", value, "text")
    return value


def _content_type(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(
        rf"image/[\w.+-]{{1,100}}|{_ANY}", value, re.A
    ):
        raise _invalid("content_type", value, f"one like image/tiff, or {_ANY}")
    return value


def _options(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict):
        raise _invalid("options", value, 'an object like {"sizes": [256, 1024], "fit": "cover"}')
    return tuple((name, _text(name, item)) for name, item in value.items())


def _text(name: str, value: Any) -> str:
    """Return the value of an option as it stands in a form."""
    if name == "sizes":
        if not isinstance(value, list) or not all(type(item) is int for item in value):
            raise _invalid(name, value, "a list of whole numbers of pixels")
        return ",".join(map(str, value))
    if name in OPTIONS and OPTIONS[name].schema["type"] == "integer":
        if type(value) is not int:
            raise _invalid(name, value, "a whole number")
    elif not isinstance(value, str):
        raise _invalid(name, value, "text")
    return str(value)


def _invalid(name: str, value: Any, expected: str) -> InvalidOption:
    return InvalidOption(
        f"{name[:100]}: {json.dumps(value)[:100]}: expected {expected}.", field=name[:100]
    )
