"""Turns errors into problem documents (RFC 9457), and logs them."""

import logging
from collections.abc import Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from quickthumb import logs
from quickthumb.problems import PROBLEMS, NotServed, QuickThumbError

log = logging.getLogger(__name__)

# Errors may be temporary, and caches may store a 404 by default.
_ALWAYS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def refusal(error: QuickThumbError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return the response to an error, with additional headers."""
    return _response(error.document(), {**error.headers, **(headers or {})})


def respond(document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return a response with a problem document, perhaps written by an earlier version."""
    problem = PROBLEMS.get(document["code"])
    return _response(document, {**(problem.headers if problem else {}), **(headers or {})})


async def on_error(request: Request, error: Exception) -> Response:
    """Return the response to a request whose handler raised an exception."""
    path = request.url.path[:100]
    if isinstance(error, ClientDisconnect):
        log.info(
            "%s %s: the client disconnected before the end of its request", request.method, path
        )
        return Response(status_code=400)
    if not isinstance(error, QuickThumbError):
        log.exception("%s %s", request.method, path, exc_info=error)
        return refusal(QuickThumbError())
    if not isinstance(error, NotServed):
        log_refusal(error)
    return refusal(error)


def log_refusal(error: QuickThumbError) -> None:
    """Log why a request was rejected; as an error if the service is at fault."""
    level = logging.ERROR if error.status >= 500 else logging.INFO
    fields = logs.fields(event="refused", code=error.code, status=error.status)
    log.log(level, "refused: %s", error, extra=fields)


def _response(document: Mapping[str, Any], headers: Mapping[str, str]) -> JSONResponse:
    return JSONResponse(
        document,
        document["status"],
        {**_ALWAYS, **headers},
        media_type="application/problem+json",
    )
