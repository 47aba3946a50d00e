"""Whether a client has already what it asks for."""

import re

from starlette.requests import Request


def has_already(request: Request, tag: str) -> bool:
    """Tell whether a request's `If-None-Match` names what would be sent.

    Args:
        request: a GET or HEAD; the header may be on several lines, and its tags have commas in them
            (https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3).
        tag: of the content, without quotes.
    """
    named = ", ".join(request.headers.getlist("if-none-match"))
    return named.strip() == "*" or f'"{tag}"' in re.findall(r'"[^"]*"', named)
