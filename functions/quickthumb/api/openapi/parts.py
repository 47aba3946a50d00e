"""What operations are made of: parameters, headers and answers."""

from collections.abc import Iterable, Mapping
from typing import Any

from quickthumb.api.openapi.schemas import Schema, ref
from quickthumb.problems import InvalidSetting, QuickThumbError, Unavailable

Problem = type[QuickThumbError]


def operation(
    tag: str, id: str, summary: str, description: str, responses: Schema, **more: Any
) -> Schema:
    """Return an operation; `more` are further members, under the names of OpenAPI."""
    told = {"operationId": id, "tags": [tag], "summary": summary, "description": description}
    return {**told, "parameters": [], **more, "responses": responses}


def parameter(
    where: str, name: str, description: str, schema: Schema, example: Any = None
) -> Schema:
    """Return a parameter of a request; one that has an example in a path is required."""
    told = {"name": name, "in": where, "description": description, "schema": schema}
    more = {"required": True} if where == "path" else {}
    return {**told, **more, **({} if example is None else {"example": example})}


def header(description: str, example: str, **schema: Any) -> Schema:
    """Return a header of an answer that is always there."""
    shape = {"type": "string", **schema}
    return {"description": description, "required": True, "schema": shape, "example": example}


def maybe(headers: Mapping[str, Schema]) -> dict[str, Schema]:
    """Return headers that are not always there."""
    return {name: {**header, "required": False} for name, header in headers.items()}


ETAG = {"ETag": header("Of the content; send it back as `If-None-Match`.", '"c2b7a1d6e0f94a35"')}
NOSNIFF = {"X-Content-Type-Options": header("The type is what it says.", "nosniff")}
NO_STORE = {"Cache-Control": header("Ask again, it may change.", "no-store")} | NOSNIFF
IF_NONE_MATCH = parameter(
    "header",
    "If-None-Match",
    "An `ETag` that was given before: 304 if it is still the right one.",
    {"type": "string"},
)
_OF_PROBLEMS = {
    "Retry-After": header("Seconds after which to ask again.", "2", pattern="^[0-9]+$"),
    "WWW-Authenticate": header("How to show a key.", 'Bearer realm="QuickThumb"'),
    "Accept-Encoding": header("How a body may be encoded.", "identity"),
    "Content-Range": header("How many bytes there are.", "bytes */7712"),
}


def answer(description: str, content: Schema, headers: Mapping[str, Schema]) -> Schema:
    """Return an answer with content."""
    return {"description": description, "headers": dict(headers), "content": content}


def unchanged(headers: Mapping[str, Schema]) -> Schema:
    """Return the answer to a client that has the content already."""
    return {"description": "It is what `If-None-Match` names.", "headers": dict(headers)}


def json(schema: Schema, **examples: Any) -> Schema:
    """Return JSON as the content of an answer."""
    shown = {"examples": {name: {"value": value} for name, value in examples.items()}}
    return {"application/json": {"schema": schema, **(shown if examples else {})}}


def refusals(kinds: Iterable[Problem]) -> dict[str, Schema]:
    """Return an answer for each status of these problems and of those that any route may have."""
    by_status: dict[int, list[Problem]] = {}
    everywhere: tuple[Problem, ...] = (QuickThumbError, InvalidSetting, Unavailable)
    for kind in (*kinds, *everywhere):
        by_status.setdefault(kind.status, []).append(kind)
    return {str(status): _of_status(kinds) for status, kinds in sorted(by_status.items())}


def _of_status(kinds: list[Problem]) -> Schema:
    """Return the answer with problems of one status; a header is sure where each of them has it."""
    codes = {"properties": {"code": {"enum": [kind.code for kind in kinds]}}}
    content = {
        "schema": {"allOf": [ref("Problem"), codes]},
        "examples": {kind.code: {"value": kind.example()} for kind in kinds},
    }
    headers: dict[str, Schema] = {}
    for name, described in _OF_PROBLEMS.items():
        sent = [name in kind.headers for kind in kinds]
        if any(sent):
            headers |= {name: described} if all(sent) else maybe({name: described})
    description = " ".join(f"`{kind.code}`: {kind.meaning}" for kind in kinds)
    return answer(description, {"application/problem+json": content}, headers | NO_STORE)
