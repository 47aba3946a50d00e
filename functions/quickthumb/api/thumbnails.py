"""The route `GET /{id}/{name}`."""

import re
from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from quickthumb import problems
from quickthumb.api.headers import EMBEDDABLE, IMMUTABLE, attachment, is_current, requested_range
from quickthumb.api.refusals import respond
from quickthumb.api.uploads import no_upload, state_of
from quickthumb.documents.manifest import Manifest, Thumbnail
from quickthumb.settings import Settings
from quickthumb.store import Store
from quickthumb.store.originals import Queued


class Thumbnails:
    """The handler of the route."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    async def get(self, request: Request) -> Response:
        """GET /{id}/{name}: a thumbnail."""
        id, name = request.path_params["id"], request.path_params["name"]
        state = await state_of(request, self._store, self._settings.max_wait_seconds)
        if isinstance(state, Queued):
            expected = [rendition.name for rendition in state.renditions]
            if expected and name not in expected:  # empty if the request cannot be read
                raise _no_thumbnail(name, expected)
            raise problems.NotReady(
                f"The thumbnail {name} is not ready: retry, or use /{id}/{name}?wait=20 to wait."
            )
        if failure := state.failure:
            # The code may be one that an earlier version wrote.
            problem = problems.PROBLEMS.get(failure.code, problems.Unprocessable)
            return respond(problems.document(failure.code, problem.status, failure.detail))
        thumb = state.thumbnail(name)
        if thumb is None:
            raise _no_thumbnail(name, [thumb.name for thumb in state.thumbnails])
        return await self._send(request, state, thumb)

    async def _send(self, request: Request, manifest: Manifest, thumb: Thumbnail) -> Response:
        tag = thumb.sha256[:32]
        etag = f'"{tag}"'
        headers = {"ETag": etag, "Cache-Control": IMMUTABLE, "Accept-Ranges": "bytes", **EMBEDDABLE}
        if _is_download(request):
            headers["Content-Disposition"] = attachment(_filename(manifest, thumb))
        if is_current(request, tag):
            return Response(status_code=304, headers=headers)
        if request.method == "HEAD":
            headers["Content-Length"] = str(thumb.bytes)
            return Response(None, 200, headers, thumb.content_type)
        data = await run_in_threadpool(self._store.results.thumbnail, thumb.blob)
        if data is None:  # deleted in the meantime
            raise no_upload(request.path_params["id"])
        part = requested_range(request, etag, len(data))
        if part is None:
            return Response(data, 200, headers, thumb.content_type)
        if not part:
            raise problems.RangeNotSatisfiable(len(data))
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(data)}"
        return Response(data[part.start : part.stop], 206, headers, thumb.content_type)


def _no_thumbnail(name: str, names: Sequence[str]) -> problems.NotFound:
    return problems.NotFound(f"There is no thumbnail {name[:100]!r}: expected {', '.join(names)}.")


def _is_download(request: Request) -> bool:
    text = request.query_params.get("download", "0")
    if text not in ("0", "1"):
        raise problems.InvalidOption(
            f"download: {text[:100]!r}: expected 0 or 1.", field="download"
        )
    return text == "1"


def _filename(manifest: Manifest, thumb: Thumbnail) -> str:
    """Return the file name of a download: rocket_256.jpg for the size 256 of rocket.png."""
    name = re.split(r"[/\\]", manifest.filename)[-1]  # some clients send a path
    stem = name.rpartition(".")[0] or name or "thumbnail"
    extension = thumb.blob.rpartition(".")[2]
    return f"{stem}_{thumb.name}.{extension}"
