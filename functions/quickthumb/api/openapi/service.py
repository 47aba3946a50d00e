"""The operations about the service itself."""

from typing import Any

from quickthumb.api import documents
from quickthumb.api.content import ASSETS
from quickthumb.api.openapi import parts
from quickthumb.api.openapi.parts import NOSNIFF, answer, header, json, maybe, parameter, refusals
from quickthumb.api.openapi.schemas import Schema, ref
from quickthumb.problems import PROBLEMS, NotFound, TooLarge
from quickthumb.settings import Settings

TEXT = {"schema": {"type": "string"}}
"""The content of a page."""

_OF_CONTENT: dict[str, Schema] = {
    **parts.ETAG,
    "Cache-Control": header("Revalidate; cached forever if `v` is the current tag.", "no-cache"),
    "Vary": header("Request headers that select the response.", "Accept-Encoding"),
    **NOSNIFF,
}
OF_A_PAGE = {
    "Content-Security-Policy": header("Blocks third-party content.", "default-src 'none'"),
    "Referrer-Policy": header("Links send no referrer.", "no-referrer"),
}
"""Headers of a page."""

_OF_PAGES = _OF_CONTENT | OF_A_PAGE
_NAME = parameter("path", "name", "Of the file.", type="string", enum=sorted(ASSETS))
_TAG = parameter("query", "v", "The tag of the content.")
_CODE = parameter("path", "code", "Of the problem.", type="string", enum=sorted(PROBLEMS))


def paths(settings: Settings) -> dict[str, Any]:
    """Return the path items; `/` lacks its POST."""
    assets = {media_type.partition(";")[0]: TEXT for media_type in sorted({*ASSETS.values()})}
    about = json(ref("Service"), this=documents.service(settings)) | {"text/html": TEXT}
    healthy = json(ref("Health"), ok={"status": "ok"})
    explained = json(ref("Problem"), **{TooLarge.code: TooLarge.explained()})
    return {
        "/": _cached(
            "describe",
            "Describe the service",
            "HTML for clients that prefer `text/html`, as browsers do; JSON for all others.",
            answer("The description.", about, maybe(_OF_PAGES) | _OF_CONTENT),
        ),
        "/health": _get(
            "getHealth",
            "Check that the service responds",
            "Storage and messaging are not checked.",
            {"200": answer("It responds.", healthy, parts.NO_STORE)} | refusals(),
        ),
        "/docs": _cached(
            "getDocs",
            "Interactive documentation",
            "Swagger UI, hosted by the service itself.",
            answer("The page.", {"text/html": TEXT}, _OF_PAGES),
        ),
        "/openapi.json": _cached(
            "getOpenApi",
            "This document",
            "OpenAPI 3.1, with the limits of this service.",
            answer("The document.", json({"type": "object"}), _OF_CONTENT),
        ),
        "/problems/{code}": _get(
            "explainProblem",
            "Explain a type of problem",
            "The `type` of a problem document links here.",
            {"200": answer("The type.", explained, NOSNIFF)} | refusals(NotFound),
            parameters=[_CODE],
        ),
        "/web/{name}": _cached(
            "getAsset",
            "A file of the pages",
            "Cached forever if `v` is the tag of the content, as in the pages.",
            answer("The file.", assets, _OF_CONTENT),
            *(_NAME, _TAG),
            refused=(NotFound,),
        ),
    }


def _get(*about: Any, **more: Any) -> Schema:
    return {"get": parts.operation("service", *about, **more)}


def _cached(
    id: str,
    summary: str,
    description: str,
    whole: Schema,
    *more: Schema,
    refused: tuple[parts.Problem, ...] = (),
) -> Schema:
    """Return an operation that supports `If-None-Match`."""
    answers = {"200": whole, "304": parts.unchanged(whole["headers"])} | refusals(*refused)
    return _get(id, summary, description, answers, parameters=[parts.IF_NONE_MATCH, *more])
