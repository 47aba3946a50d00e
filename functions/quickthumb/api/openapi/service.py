"""The operations that tell of the service itself."""

from typing import Any

from quickthumb.api import documents
from quickthumb.api.content import ASSETS
from quickthumb.api.openapi.parts import (
    ETAG,
    IF_NONE_MATCH,
    NO_STORE,
    NOSNIFF,
    header,
    json,
    maybe,
    problems,
)
from quickthumb.api.openapi.schemas import Schema, ref
from quickthumb.problems import PROBLEMS, NotFound, TooLarge
from quickthumb.settings import Settings

_OF_CONTENT: dict[str, Schema] = {
    "ETag": ETAG,
    "Cache-Control": header("Ask whether it changed; for ever if `v` names it.", "no-cache"),
    "Vary": header("What the answer depends on.", "Accept-Encoding"),
    **NOSNIFF,
}

_OF_PAGES = _OF_CONTENT | {
    "Content-Security-Policy": header("Nothing from elsewhere.", "default-src 'none'"),
    "Referrer-Policy": header("Links lead away without telling from where.", "no-referrer"),
}

_TEXT = {"schema": {"type": "string"}}


def paths() -> dict[str, Any]:
    """Return the path items, but for `/`, which has an operation of another kind too."""
    return {
        "/health": {"get": _health()},
        "/docs": {"get": _docs()},
        "/openapi.json": {"get": _openapi()},
        "/problems/{code}": {"get": _problem()},
        "/web/{name}": {"get": _asset()},
    }


def root(settings: Settings) -> Schema:
    """Return the operation `GET /`."""
    content = {
        "application/json": {
            "schema": ref("Service"),
            "examples": {"this": {"value": documents.service(settings)}},
        },
        "text/html": _TEXT,
    }
    headers = {name: maybe(value) for name, value in _OF_PAGES.items()} | _OF_CONTENT
    return _operation(
        "describe",
        "What this service is",
        "A page for browsers, which prefer `text/html`; JSON for everything else.",
        _cached("The description.", content, headers),
    )


def _docs() -> Schema:
    return _operation(
        "getDocs",
        "This document, to read and to try out",
        "Swagger UI, which the service brings itself.",
        _cached("A page.", {"text/html": _TEXT}, _OF_PAGES),
    )


def _openapi() -> Schema:
    content = {"application/json": {"schema": {"type": "object"}}}
    return _operation(
        "getOpenApi",
        "This document",
        "OpenAPI 3.1, with the limits that this service is set to.",
        _cached("The document.", content, _OF_CONTENT),
    )


def _asset() -> Schema:
    content = {media_type.partition(";")[0]: _TEXT for media_type in sorted({*ASSETS.values()})}
    name = {"type": "string", "enum": sorted(ASSETS)}
    operation = _operation(
        "getAsset",
        "A file of the pages",
        "With `v`, which the pages set to the content's tag, it may be kept for ever.",
        _cached("The file.", content, _OF_CONTENT) | problems([NotFound]),
    )
    operation["parameters"] += [
        {"name": "name", "in": "path", "required": True, "schema": name},
        {"name": "v", "in": "query", "schema": {"type": "string"}},
    ]
    return operation


def _problem() -> Schema:
    code = {"type": "string", "enum": sorted(PROBLEMS)}
    example = {TooLarge.code: TooLarge.explained()}
    return _operation(
        "explainProblem",
        "What a type of problem means",
        "The `type` of a problem document leads here.",
        {"200": json("The type.", "Problem", example, NOSNIFF)} | problems([NotFound]),
        {"name": "code", "in": "path", "required": True, "schema": code},
    )


def _health() -> Schema:
    return _operation(
        "getHealth",
        "Whether the service answers",
        "It asks neither storage nor messaging.",
        {"200": json("It does.", "Health", {"ok": {"status": "ok"}}, NO_STORE)} | problems([]),
    )


def _operation(
    id: str, summary: str, description: str, responses: dict[str, Schema], *parameters: Schema
) -> Schema:
    cached = [IF_NONE_MATCH] if "304" in responses else []
    return {
        "operationId": id,
        "tags": ["service"],
        "summary": summary,
        "description": description,
        "parameters": [*cached, *parameters],
        "responses": responses,
    }


def _cached(
    description: str, content: dict[str, Schema], headers: dict[str, Schema]
) -> dict[str, Schema]:
    """Return the answers to who may have it already."""
    same = {"description": "It is what `If-None-Match` names.", "headers": headers}
    whole = {"description": description, "headers": headers, "content": content}
    return {"200": whole, "304": same} | problems([])
