"""Thumbnails, `GET /{id}/{name}`: all of one, a part, or nothing if the client has it already."""

import re
from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from quickthumb.api.conditional import has_already
from quickthumb.api.disposition import attachment
from quickthumb.api.refusals import respond
from quickthumb.api.uploads import no_upload, state_of
from quickthumb.documents.manifest import Failure, Manifest, Thumbnail
from quickthumb.problems import (
    PROBLEMS,
    InvalidOption,
    NotFound,
    NotReady,
    NotServed,
    RangeNotSatisfiable,
    Unprocessable,
    document,
)
from quickthumb.settings import Settings
from quickthumb.store import Store
from quickthumb.store.originals import Queued

_IMMUTABLE = "public, max-age=31536000, immutable"


class Thumbnails:
    """The handler, over what it needs."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    async def get(self, request: Request) -> Response:
        """GET /{id}/{name}: the picture."""
        id, name = request.path_params["id"], request.path_params["name"]
        state = await state_of(request, self._store, self._settings.max_wait_seconds)
        if isinstance(state, Queued):
            raise _not_yet(id, name, [rendition.name for rendition in state.renditions])
        if state.failure:
            return _failed(state.failure)
        thumb = state.thumbnail(name)
        if thumb is None:
            raise _no_thumbnail(name, [thumb.name for thumb in state.thumbnails])
        return await self._send(request, state, thumb)

    async def _send(self, request: Request, manifest: Manifest, thumb: Thumbnail) -> Response:
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
        data = await run_in_threadpool(self._store.results.thumbnail, thumb.blob)
        if data is None:  # it was deleted meanwhile
            raise no_upload(request.path_params["id"])
        part = _asked(request, etag, len(data))
        if part is None:
            return Response(data, 200, headers, thumb.content_type)
        if not part:
            raise RangeNotSatisfiable(len(data))
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(data)}"
        return Response(data[part.start : part.stop], 206, headers, thumb.content_type)


def _not_yet(id: str, name: str, expected: Sequence[str]) -> NotServed:
    if expected and name not in expected:  # none: what was asked for is not known
        return _no_thumbnail(name, expected)
    return NotReady(
        f"The thumbnail {name} is not made yet: ask again, or ask /{id}/{name}?wait=20 to wait."
    )


def _no_thumbnail(name: str, names: Sequence[str]) -> NotFound:
    return NotFound(f"There is no thumbnail {name[:100]!r}: expected {', '.join(names)}.")


def _failed(failure: Failure) -> Response:
    # A manifest stays when codes change.
    problem = PROBLEMS.get(failure.code, Unprocessable)
    return respond(document(failure.code, problem.status, failure.detail))


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
