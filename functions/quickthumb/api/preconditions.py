"""Preconditions of requests, in the order of https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2.

1. `If-Match`, which must name the current representation. Where that has no tag, only `*` does.
2. `If-Unmodified-Since` is ignored, as section 13.1.4 requires: nothing here has a date.
3. `If-None-Match`: 304 for GET and HEAD (`headers.is_current`), 412 for other methods.
4. `If-Modified-Since` is ignored for want of a date too.
5. `If-Range` (`headers.requested_range`).

They only count where the answer would be a success without them.
"""

import re

from starlette.requests import Request
from starlette.responses import Response

from quickthumb.problems import PreconditionFailed

_TAGS = re.compile(r'(W/)?("[^"]*")')


def expect_match(request: Request, response: Response) -> None:
    """Check `If-Match` of a GET or HEAD against the representation that its response has.

    Raises:
        PreconditionFailed: it names others.
    """
    if response.status_code < 400:
        _expect(request, response.headers.get("etag"))


def is_conditional(request: Request) -> bool:
    """Return whether a request that changes something has a precondition."""
    return "if-match" in request.headers or "if-none-match" in request.headers


def expect_unconditional(request: Request) -> None:
    """Check the preconditions of a request that changes something that exists, and has no tag.

    Raises:
        PreconditionFailed: one is not met.
    """
    _expect(request, None)
    if "if-match" not in request.headers and _is_any(_named(request, "if-none-match")):
        raise PreconditionFailed(
            "If-None-Match: *: expected nothing, but this exists.", field="If-None-Match"
        )


def _expect(request: Request, etag: str | None) -> None:
    if "if-match" not in request.headers:
        return
    named = _named(request, "if-match")
    # A weak tag never matches: https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3.2
    if not _is_any(named) and ("", etag) not in _TAGS.findall(named):
        now = f"the ETag is {etag}" if etag else "this has no ETag: only * matches"
        raise PreconditionFailed(f"If-Match: {named[:100]}: {now}.")


def _named(request: Request, header: str) -> str:
    return ", ".join(request.headers.getlist(header)).strip()


def _is_any(named: str) -> bool:
    return named == "*"
