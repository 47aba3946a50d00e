"""What several operations share: headers and answers."""

from collections.abc import Iterable, Mapping
from typing import Any

from quickthumb.api.openapi.schemas import Schema, ref
from quickthumb.problems import InvalidSetting, QuickThumbError, Unavailable

Problem = type[QuickThumbError]

BINARY: Schema = {
    "type": "string",
    "format": "binary",
    "contentMediaType": "application/octet-stream",
}


def header(description: str, example: str, **schema: Any) -> Schema:
    """Return a header of an answer that is always there."""
    return {
        "description": description,
        "required": True,
        "schema": {"type": "string", **schema},
        "example": example,
    }


def maybe(header: Schema) -> Schema:
    """Return a header that is not always there."""
    return {**header, "required": False}


ETAG = header("Of the content; send it back as `If-None-Match`.", '"c2b7a1d6e0f94a35"')

NOSNIFF = {"X-Content-Type-Options": header("The type is what it says.", "nosniff")}

NO_STORE = {"Cache-Control": header("Ask again, it may change.", "no-store")} | NOSNIFF

_OF_PROBLEMS = {
    "Retry-After": header("Seconds after which to ask again.", "2", pattern="^[0-9]+$"),
    "WWW-Authenticate": header("How to show a key.", 'Bearer realm="QuickThumb"'),
    "Accept-Encoding": header("How a body may be encoded.", "identity"),
    "Content-Range": header("How many bytes there are.", "bytes */7712"),
}

IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "An `ETag` that was given before: 304 if it is still the right one.",
    "schema": {"type": "string"},
}


def json(
    description: str,
    schema: str,
    examples: Mapping[str, Any],
    headers: Mapping[str, Schema] | None = None,
) -> Schema:
    """Return a response with a JSON document."""
    content = {
        "schema": ref(schema),
        "examples": {name: {"value": value} for name, value in examples.items()},
    }
    response: Schema = {"description": description, "content": {"application/json": content}}
    return response | ({"headers": dict(headers)} if headers else {})


def problems(kinds: Iterable[Problem]) -> dict[str, Schema]:
    """Return a response for each status of these problems and of those that any route may have."""
    by_status: dict[int, list[Problem]] = {}
    everywhere: tuple[Problem, ...] = (QuickThumbError, InvalidSetting, Unavailable)
    for kind in (*kinds, *everywhere):
        by_status.setdefault(kind.status, []).append(kind)
    return {str(status): _answer(kinds) for status, kinds in sorted(by_status.items())}


def _answer(kinds: list[Problem]) -> Schema:
    codes = {"properties": {"code": {"enum": [kind.code for kind in kinds]}}}
    return {
        "description": " ".join(f"`{kind.code}`: {kind.meaning}" for kind in kinds),
        "headers": _headers(kinds) | NO_STORE,
        "content": {
            "application/problem+json": {
                "schema": {"allOf": [ref("Problem"), codes]},
                "examples": {kind.code: {"value": kind.example()} for kind in kinds},
            }
        },
    }


def _headers(kinds: list[Problem]) -> dict[str, Schema]:
    """Return what comes beside problems of one status; always, where each of them has it."""
    return {
        name: described if all(name in kind.headers for kind in kinds) else maybe(described)
        for name, described in _OF_PROBLEMS.items()
        if any(name in kind.headers for kind in kinds)
    }
