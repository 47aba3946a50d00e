"""The building blocks of operations: parameters, headers and responses."""

from collections.abc import Mapping
from typing import Any

from quickthumb.api.openapi.schemas import Schema, ref
from quickthumb.problems import InvalidSetting, PreconditionFailed, QuickThumbError, Unavailable

Problem = type[QuickThumbError]


def operation(
    tag: str, id: str, summary: str, description: str, responses: Schema, **more: Any
) -> Schema:
    """Return an operation; `more` are further members of OpenAPI."""
    members = {"operationId": id, "tags": [tag], "summary": summary, "description": description}
    return {**members, "parameters": [], **more, "responses": responses}


def parameter(
    where: str, name: str, description: str, example: Any = None, **schema: Any
) -> Schema:
    """Return a parameter, required if it is in the path; `schema` defaults to a string."""
    members = {"name": name, "in": where, "description": description}
    more = {"required": True} if where == "path" else {}
    more |= {} if example is None else {"example": example}
    return {**members, "schema": schema or {"type": "string"}, **more}


def header(description: str, example: str, **schema: Any) -> Schema:
    """Return a response header that is always sent."""
    shape = {"type": "string", **schema}
    return {"description": description, "required": True, "schema": shape, "example": example}


def maybe(headers: Mapping[str, Schema]) -> dict[str, Schema]:
    """Return headers that are not always sent."""
    return {name: {**header, "required": False} for name, header in headers.items()}


ETAG = {"ETag": header("Of the content; send it as `If-None-Match`.", '"c2b7a1d6e0f94a35"')}
NOSNIFF = {"X-Content-Type-Options": header("`Content-Type` is correct.", "nosniff")}
NO_STORE = {"Cache-Control": header("Not to be cached.", "no-store")} | NOSNIFF
IF_NONE_MATCH = parameter("header", "If-None-Match", "An earlier `ETag`: 304 if still current.")
_OF_PROBLEMS = {
    "Retry-After": header("Seconds to wait before a retry.", "2", pattern="^[0-9]+$"),
    "WWW-Authenticate": header("How to send a key.", 'Bearer realm="QuickThumb"'),
    "Accept-Encoding": header("The accepted encoding of bodies.", "identity"),
    "Content-Range": header("The size of the thumbnail.", "bytes */7712"),
}

IF_MATCH = parameter("header", "If-Match", "The expected `ETag`, or `*`: 412 if it is another.")


def conditional(operation: Schema) -> None:
    """Add the answer to a precondition that is not met to an operation on something that exists."""
    unmet = _of_status([PreconditionFailed])
    operation["responses"] = {**operation["responses"], str(PreconditionFailed.status): unmet}


def answer(description: str, content: Schema, headers: Mapping[str, Schema]) -> Schema:
    """Return a response with content."""
    return {"description": description, "headers": dict(headers), "content": content}


def unchanged(headers: Mapping[str, Schema]) -> Schema:
    """Return the response to a client that already has the content."""
    return {"description": "Not modified: `If-None-Match` is current.", "headers": dict(headers)}


def json(schema: Schema, **examples: Any) -> Schema:
    """Return JSON content."""
    shown = {"examples": {name: {"value": value} for name, value in examples.items()}}
    return {"application/json": {"schema": schema, **(shown if examples else {})}}


def refusals(*kinds: Problem) -> dict[str, Schema]:
    """Return a response for each status of some problems, and of those that any route may have."""
    by_status: dict[int, list[Problem]] = {}
    everywhere: tuple[Problem, ...] = (QuickThumbError, InvalidSetting, Unavailable)
    for kind in kinds + everywhere:
        by_status.setdefault(kind.status, []).append(kind)
    return {str(status): _of_status(kinds) for status, kinds in sorted(by_status.items())}


def _of_status(kinds: list[Problem]) -> Schema:
    """Return the response for problems of one status; its headers are required if all send them."""
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
