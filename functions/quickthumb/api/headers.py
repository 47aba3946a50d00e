"""Reads `If-None-Match` and `Range`, and writes `Content-Disposition`."""

import re
import unicodedata
from urllib.parse import quote

from starlette.requests import Request

IMMUTABLE = "public, max-age=31536000, immutable"
"""`Cache-Control` of content that never changes."""

EMBEDDABLE = {"Cross-Origin-Resource-Policy": "cross-origin", "Timing-Allow-Origin": "*"}
"""Headers of content for pages of any origin, even isolated ones
(`Cross-Origin-Embedder-Policy: require-corp`), which may measure how long it takes to load. Without
cookies, it is the same for whoever knows its link."""

_UNQUOTED = "!#$&+-.^_`|~"  # https://www.rfc-editor.org/rfc/rfc8187#section-3.2.1


def is_current(request: Request, tag: str) -> bool:
    """Return whether `If-None-Match` names the current content.

    Args:
        request: a GET or HEAD; the header may be repeated, and tags may contain commas
            (https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3).
        tag: of the current content, without quotes.
    """
    named = ", ".join(request.headers.getlist("if-none-match"))
    return named.strip() == "*" or f'"{tag}"' in re.findall(r'"[^"]*"', named)


def requested_range(request: Request, etag: str, size: int) -> range | None:
    """Return the requested range of bytes, empty if it is not satisfiable; None for all bytes.

    Malformed headers are ignored, as are multiple ranges, which a server need not support
    (https://www.rfc-editor.org/rfc/rfc9110#section-14.2).

    Args:
        request: a GET.
        etag: of the current content, with quotes.
        size: of the current content, bytes.
    """
    header = request.headers.get("range", "").strip()
    match = re.fullmatch(r"bytes=([0-9]{0,18})-([0-9]{0,18})", header, re.IGNORECASE)
    if match is None or request.headers.get("if-range", etag) != etag:
        return None
    first, last = match.groups()
    if not first:
        return range(max(0, size - int(last)), size) if last else None
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)


def attachment(filename: str) -> str:
    """Return the `Content-Disposition` that makes browsers save under a name (RFC 6266).

    The name may be any text; it cannot end the header or contain a path. If it is not ASCII, an
    ASCII form is added for old clients.
    """
    shown = "".join(
        "_" if letter in '/\\:*?"<>|' or unicodedata.category(letter).startswith("C") else letter
        for letter in filename
    )
    plain = unicodedata.normalize("NFKD", shown).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9 ._()-]", "_", plain)
    if plain == shown:
        return f'attachment; filename="{plain}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(shown, safe=_UNQUOTED)}"
