"""Errors as responses: problem documents (RFC 9457), logged where they tell of something wrong."""

import logging
from collections.abc import Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from quickthumb import logs
from quickthumb.problems import PROBLEMS, NotServed, QuickThumbError

log = logging.getLogger(__name__)

# An error may be over in a moment, and without this a cache may keep a 404 for a while.
_ALWAYS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def refusal(error: QuickThumbError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return an error as a response, with more headers than are its own."""
    return _response(error.document(), {**error.headers, **(headers or {})})


def respond(document: Mapping[str, Any]) -> JSONResponse:
    """Return a problem document as a response; its code may be one of an earlier version."""
    problem = PROBLEMS.get(document["code"])
    return _response(document, problem.headers if problem else {})


async def on_error(request: Request, error: Exception) -> Response:
    """Answer a request whose handler raised something."""
    path = request.url.path[:100]
    if isinstance(error, ClientDisconnect):
        log.info("%s %s: the client went away before it had sent everything", request.method, path)
        return Response(status_code=400)
    if not isinstance(error, QuickThumbError):
        log.exception("%s %s", request.method, path, exc_info=error)
        return refusal(QuickThumbError())
    if not isinstance(error, NotServed):
        log_refusal(error)
    return refusal(error)


def log_refusal(error: QuickThumbError) -> None:
    """Log why a request was refused; as an error where that is not its own fault."""
    level = logging.ERROR if error.status >= 500 else logging.INFO
    told = logs.fields(event="refused", code=error.code, status=error.status)
    log.log(level, "refused: %s", error, extra=told)


def _response(document: Mapping[str, Any], headers: Mapping[str, str]) -> JSONResponse:
    return JSONResponse(
        document,
        document["status"],
        {**_ALWAYS, **headers},
        media_type="application/problem+json",
    )
