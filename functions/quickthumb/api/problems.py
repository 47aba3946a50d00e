"""Errors as problem documents (RFC 9457)."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse

from quickthumb.errors import (
    InvalidSetting,
    NotAPicture,
    QuickThumbError,
    Refused,
    TooLarge,
    Unavailable,
    Unprocessable,
)

RETRY_AFTER_SECONDS = 2
"""When to come back after a 503."""


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
    return JSONResponse(
        _document(status, code, detail, field),
        status,
        headers=dict(headers or {}),
        media_type="application/problem+json",
    )


def document(error: QuickThumbError) -> dict[str, Any]:
    """Return an error of ours as a problem document."""
    match error:
        case TooLarge():
            return _document(413, error.code, str(error), error.field)
        case Refused():
            return _document(400, error.code, str(error), error.field)
        case NotAPicture():
            return _document(415, error.code, str(error), "file")
        case Unprocessable():
            return _document(422, error.code, str(error), "file")
        case Unavailable():
            # What exactly did not answer is for the log, not for whoever is outside.
            detail = "Storage or messaging does not answer; nothing was stored. Try again later."
            return _document(503, "unavailable", detail)
        case InvalidSetting():
            return _document(500, "misconfigured", str(error))
        case _:
            return _document(500, "internal", "Something went wrong on our side; see the log.")


def answer(error: QuickThumbError) -> JSONResponse:
    """Return the response to an error of ours."""
    body = document(error)
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if body["status"] == 503 else {}
    return JSONResponse(body, body["status"], headers, media_type="application/problem+json")


def _document(status: int, code: str, detail: str, field: str | None = None) -> dict[str, Any]:
    members = {
        "type": f"/problems/{code}",
        "title": code.replace("-", " ").capitalize(),
        "status": status,
        "code": code,
        "detail": detail,
    }
    return members | {"field": field} if field else members
