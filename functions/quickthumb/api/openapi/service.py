"""The operations that tell of the service itself."""

from typing import Any

from quickthumb.api import documents
from quickthumb.api.content import ASSETS
from quickthumb.api.openapi import parts
from quickthumb.api.openapi.parts import NO_STORE, NOSNIFF, header, json, maybe, parameter, refusals
from quickthumb.api.openapi.schemas import Schema, ref
from quickthumb.problems import PROBLEMS, NotFound, TooLarge
from quickthumb.settings import Settings

_TEXT = {"schema": {"type": "string"}}
_OF_CONTENT: dict[str, Schema] = {
    **parts.ETAG,
    "Cache-Control": header("Ask whether it changed; for ever if `v` names it.", "no-cache"),
    "Vary": header("What the answer depends on.", "Accept-Encoding"),
    **NOSNIFF,
}
_OF_PAGES = _OF_CONTENT | {
    "Content-Security-Policy": header("Nothing from elsewhere.", "default-src 'none'"),
    "Referrer-Policy": header("Links lead away without telling from where.", "no-referrer"),
}
_NAME = parameter("path", "name", "Of the file.", {"type": "string", "enum": sorted(ASSETS)})
_TAG = parameter("query", "v", "The tag of the content.", {"type": "string"})
_CODE = parameter("path", "code", "Of the problem.", {"type": "string", "enum": sorted(PROBLEMS)})


def paths(settings: Settings) -> dict[str, Any]:
    """Return the path items; that of `/` lacks what is sent there."""
    assets = {media_type.partition(";")[0]: _TEXT for media_type in sorted({*ASSETS.values()})}
    service = json(ref("Service"), this=documents.service(settings)) | {"text/html": _TEXT}
    health = parts.answer("It does.", json(ref("Health"), ok={"status": "ok"}), NO_STORE)
    explained = json(ref("Problem"), **{TooLarge.code: TooLarge.explained()})
    root = _cached(
        "describe",
        "What this service is",
        "A page for browsers, which prefer `text/html`; JSON for everything else.",
        parts.answer("The description.", service, maybe(_OF_PAGES) | _OF_CONTENT),
    )
    docs = _cached(
        "getDocs",
        "This document, to read and to try out",
        "Swagger UI, which the service brings itself.",
        parts.answer("A page.", {"text/html": _TEXT}, _OF_PAGES),
    )
    openapi = _cached(
        "getOpenApi",
        "This document",
        "OpenAPI 3.1, with the limits that this service is set to.",
        parts.answer("The document.", json({"type": "object"}), _OF_CONTENT),
    )
    asset = _cached(
        "getAsset",
        "A file of the pages",
        "With `v`, which the pages set to the tag of the content, it may be kept for ever.",
        parts.answer("The file.", assets, _OF_CONTENT),
        *(_NAME, _TAG),
    )
    asset["responses"] |= refusals([NotFound])
    problem = _operation(
        "explainProblem",
        "What a type of problem means",
        "The `type` of a problem document leads here.",
        {"200": parts.answer("The type.", explained, NOSNIFF)} | refusals([NotFound]),
        parameters=[_CODE],
    )
    healthy = _operation(
        "getHealth",
        "Whether the service answers",
        "It asks neither storage nor messaging.",
        {"200": health} | refusals([]),
    )
    return {
        "/": {"get": root},
        "/health": {"get": healthy},
        "/docs": {"get": docs},
        "/openapi.json": {"get": openapi},
        "/problems/{code}": {"get": problem},
        "/web/{name}": {"get": asset},
    }


def _operation(*told: Any, **more: Any) -> Schema:
    return parts.operation("service", *told, **more)


def _cached(id: str, summary: str, description: str, whole: Schema, *more: Schema) -> Schema:
    """Return an operation whose answer the client may have already."""
    answers = {"200": whole, "304": parts.unchanged(whole["headers"])} | refusals([])
    parameters = [parts.IF_NONE_MATCH, *more]
    return _operation(id, summary, description, answers, parameters=parameters)
