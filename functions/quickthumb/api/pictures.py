"""A thumbnail as an answer: all of it, a part, or nothing if the client has it already."""

import re
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from quickthumb.api import problems
from quickthumb.api.conditional import has_already
from quickthumb.api.disposition import attachment
from quickthumb.documents.manifest import Manifest, Thumbnail
from quickthumb.problems import InvalidOption

_IMMUTABLE = "public, max-age=31536000, immutable"


async def answer(
    request: Request,
    manifest: Manifest,
    thumb: Thumbnail,
    read: Callable[[], Awaitable[bytes | None]],
) -> Response | None:
    """Answer a request for a thumbnail; None if it was deleted.

    Args:
        request: a GET or HEAD.
        manifest: of the upload.
        thumb: one of its thumbnails.
        read: fetches its bytes; called only where some of them are sent.

    Raises:
        InvalidOption: the query parameter `download` has another value than 0 or 1.
    """
    tag = thumb.sha256[:32]
    etag = f'"{tag}"'
    headers = {"ETag": etag, "Cache-Control": _IMMUTABLE, "Accept-Ranges": "bytes"}
    if _is_download(request):
        headers["Content-Disposition"] = attachment(_filename(manifest, thumb))
    if has_already(request, tag):
        return Response(status_code=304, headers=headers)
    if request.method == "HEAD":
        headers["Content-Length"] = str(thumb.bytes)
        return Response(None, 200, headers, thumb.content_type)
    data = await read()
    if data is None:
        return None
    part = _asked(request, etag, len(data))
    if part is None:
        return Response(data, 200, headers, thumb.content_type)
    if not part:
        detail = f"The thumbnail has {len(data):,} bytes: none of the range is among them."
        headers = {"Content-Range": f"bytes */{len(data)}"}
        return problems.problem(416, "range-not-satisfiable", detail, headers=headers)
    headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(data)}"
    return Response(data[part.start : part.stop], 206, headers, thumb.content_type)


def _is_download(request: Request) -> bool:
    text = request.query_params.get("download", "0")
    if text not in ("0", "1"):
        raise InvalidOption(f"download: {text[:100]!r}: expected 0 or 1.", field="download")
    return text == "1"


def _filename(manifest: Manifest, thumb: Thumbnail) -> str:
    """Return the name to save a thumbnail under: rocket_256.jpg for the size 256 of rocket.png."""
    name = re.split(r"[/\\]", manifest.filename)[-1]  # some clients send a path
    stem = name.rpartition(".")[0] or name or "thumbnail"
    extension = thumb.blob.rpartition(".")[2]
    return f"{stem}_{thumb.name}.{extension}"


def _asked(request: Request, etag: str, size: int) -> range | None:
    """Return the bytes that a request asks for: None for all, none if there are no such bytes.

    A header that makes no sense counts as none, and so do several ranges at once, which a server
    may answer with the whole (https://www.rfc-editor.org/rfc/rfc9110#section-14.2).
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
