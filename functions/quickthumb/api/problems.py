"""Errors as problem documents (RFC 9457)."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse

from quickthumb.printable import printable
from quickthumb.problems import (
    Busy,
    InvalidSetting,
    KeyReused,
    NotAPicture,
    QuickThumbError,
    Refused,
    TooLarge,
    TooLate,
    Unauthorized,
    Unavailable,
    Unprocessable,
    UnsupportedEncoding,
)

HEADERS: Mapping[str, Mapping[str, str]] = {
    "unavailable": {"Retry-After": "2"},
    "busy": {"Retry-After": "10"},
    "request-timeout": {"Connection": "close"},
    "unauthorized": {"WWW-Authenticate": 'Bearer realm="QuickThumb"'},
    "unsupported-encoding": {"Accept-Encoding": "identity"},
}
"""What HTTP wants beside some problems, by their codes."""

# It may quote a request, and is read in terminals and logs.
_MOST_DETAIL = 2_000

# An error may be over in a moment, and without this a cache may keep a 404 for a while.
_ALWAYS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    field: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return an error as a response.

    Args:
        status: of HTTP.
        code: stable name of the problem.
        detail: what was wrong and what to do, a sentence for a person.
        field: the form field, query parameter or header at fault.
        headers: sent beside it.
    """
    return _response(body_of(status, code, detail, field), headers or {})


def document(error: QuickThumbError) -> dict[str, Any]:
    """Return an error of ours as a problem document."""
    match error:
        case TooLate():
            return body_of(408, error.code, str(error))
        case TooLarge():
            return body_of(413, error.code, str(error), error.field)
        case Unauthorized():
            return body_of(401, error.code, str(error))
        case KeyReused():
            return body_of(422, error.code, str(error), error.field)
        case UnsupportedEncoding():
            return body_of(415, error.code, str(error), error.field)
        case Refused():
            return body_of(400, error.code, str(error), error.field)
        case NotAPicture():
            return body_of(415, error.code, str(error), "file")
        case Unprocessable():
            return body_of(422, error.code, str(error), "file")
        case Busy():
            return body_of(503, "busy", str(error))
        case Unavailable():
            # What exactly did not answer is for the log, not for whoever is outside.
            detail = "Storage or messaging does not answer, so nothing was done: try again later."
            return body_of(503, "unavailable", detail)
        case InvalidSetting():
            return body_of(500, "misconfigured", str(error))
        case _:
            return body_of(500, "internal", "Something went wrong on our side; see the log.")


def answer(error: QuickThumbError) -> JSONResponse:
    """Return the response to an error of ours."""
    return respond(document(error))


def respond(document: Mapping[str, Any]) -> JSONResponse:
    """Return the response that a problem document makes."""
    return _response(document, HEADERS.get(document["code"], {}))


def _response(body: Mapping[str, Any], headers: Mapping[str, str]) -> JSONResponse:
    return JSONResponse(
        body, body["status"], {**_ALWAYS, **headers}, media_type="application/problem+json"
    )


def body_of(status: int, code: str, detail: str, field: str | None = None) -> dict[str, Any]:
    """Return a problem document; `problem` tells what the arguments are."""
    members = {
        "type": f"/problems/{code}",
        "title": code.replace("-", " ").capitalize(),
        "status": status,
        "code": code,
        "detail": printable(detail, _MOST_DETAIL),
    }
    return members | {"field": printable(field)} if field else members
