"""The route `GET /{id}/{name}`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from quickthumb import problems
from quickthumb.api.headers import EMBEDDABLE, IMMUTABLE, attachment, is_current, requested_range
from quickthumb.api.negotiation import VARY, chosen
from quickthumb.api.on_demand import OnDemand
from quickthumb.api.refusals import respond
from quickthumb.api.uploads import no_upload
from quickthumb.api.waiting import until, wait_seconds
from quickthumb.documents.manifest import Manifest, Thumbnail
from quickthumb.documents.names import is_id
from quickthumb.documents.rendition import Rendition, variants
from quickthumb.documents.wish import Wish
from quickthumb.imaging.formats import NEGOTIATED
from quickthumb.messaging import Topic
from quickthumb.settings import Settings
from quickthumb.store import Store
from quickthumb.store.originals import Queued
from quickthumb.wishing import ask_once, expect_room, original_of, remind


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a thumbnail.

    Attributes:
        state: of its upload; None if that does not exist.
        wish: for the thumbnail, if the upload has ended without it.
    """

    state: Manifest | Queued | None
    wish: Wish | None = None

    @property
    def is_over(self) -> bool:
        """Whether waiting changes nothing."""
        is_open = self.wish is not None and self.wish.failure is None
        return not isinstance(self.state, Queued) and not is_open


class Thumbnails:
    """The handler of the route."""

    def __init__(self, store: Store, topic: Topic, settings: Settings) -> None:
        self._store = store
        self._topic = topic
        self._settings = settings
        self._on_demand = OnDemand(settings)

    async def get(self, request: Request) -> Response:
        """GET /{id}/{name}: a thumbnail."""
        id, name = request.path_params["id"], request.path_params["name"]
        wanted = self._on_demand.wanted(request)
        seconds = wait_seconds(request, self._settings.max_wait_seconds)
        if wanted and "wait" not in request.query_params:
            seconds = self._settings.max_wait_seconds
        if not is_id(id):
            raise no_upload(id)
        rendition = wanted.rendition if wanted else None
        name = rendition.name if rendition else name
        vary: Mapping[str, str] = VARY if wanted and wanted.is_negotiated else {}
        seen = await until(lambda: self._look(id, name, rendition), lambda it: it.is_over, seconds)
        state = seen.state
        if state is None:
            raise no_upload(id)
        if seen.wish and seen.wish.rendition.name != name:
            vary = VARY
        if isinstance(state, Queued):
            if seen.wish is None and rendition is None:
                vary = _expected(state, name)
            raise _not_ready(id, name, vary)
        if failure := state.failure or (seen.wish and seen.wish.failure):
            # The code may be one that an earlier version wrote.
            problem = problems.PROBLEMS.get(failure.code, problems.Unprocessable)
            return respond(problems.document(failure.code, problem.status, failure.detail), vary)
        if seen.wish:
            raise _not_ready(id, name, vary)
        thumb = state.thumbnail(name)
        if thumb is None and state.has_variants(name):
            vary = VARY
            thumb = state.thumbnail(variants(name)[NEGOTIATED.index(chosen(request))])
        if thumb is None:
            raise _no_thumbnail(name, [thumb.name for thumb in state.thumbnails])
        return await self._send(request, state, thumb, vary)

    def _look(self, id: str, name: str, rendition: Rendition | None) -> Seen:
        """Look for a thumbnail; ask for it if it is made on demand, and nobody has.

        Raises:
            OriginalGone, TooManyThumbnails: it is not there, and cannot be made any more.
        """
        state, asked = self._store.status(id), None
        while _lacks(state, name):
            # Again if some was made between the looks at the wishes and at the manifest.
            before, asked = asked, [name] if rendition else [name, *_first_lacked(state, name)]
            if asked == before:
                break
            found = (self._store.wishes.read(id, each) for each in asked)
            kept = next(filter(None, found), None)
            if kept and kept.wish:
                if rendition:
                    remind(kept, self._store, self._topic)
                return Seen(state, kept.wish)
            if isinstance(state, Queued):
                return Seen(state)
            state = self._store.status(id)
        if rendition is None or not isinstance(state, Manifest) or not _lacks(state, name):
            return Seen(state)
        expect_room(len(state.thumbnails), 1)
        job = original_of(state, self._store)
        return Seen(state, ask_once(job, rendition, self._store, self._topic))

    async def _send(
        self, request: Request, manifest: Manifest, thumb: Thumbnail, vary: Mapping[str, str]
    ) -> Response:
        tag = thumb.sha256[:32]
        etag = f'"{tag}"'
        headers = {
            "ETag": etag,
            "Cache-Control": IMMUTABLE,
            "Accept-Ranges": "bytes",
            **EMBEDDABLE,
            **vary,
        }
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


def _lacks(state: Manifest | Queued | None, name: str) -> bool:
    """Return whether an upload exists, and does not get this thumbnail by itself."""
    if isinstance(state, Queued):
        asked = [each for rendition in state.renditions for each in rendition.names]
        return name not in asked
    if state is None or state.failure:
        return False
    return state.thumbnail(name) is None and not state.has_variants(name)


def _first_lacked(state: Manifest | Queued | None, name: str) -> list[str]:
    """Return the first format that is lacking for a name to be negotiated.

    Wishes for several formats are written in order, so if this one was not asked for, no other
    makes the name negotiable. To look for them too would only make guesses dearer.
    """
    return [each for each in variants(name) if _lacks(state, each)][:1]


def _expected(state: Queued, name: str) -> Mapping[str, str]:
    """Return `Vary` of a thumbnail that an upload requests. Raises `NotFound` if it does not."""
    asked = {each: rendition for rendition in state.renditions for each in rendition.names}
    if asked and name not in asked:  # empty if the request cannot be read
        raise _no_thumbnail(name, [*asked])
    return VARY if name in asked and asked[name].made[0].name != asked[name].name == name else {}


def _not_ready(id: str, name: str, vary: Mapping[str, str]) -> problems.NotReady:
    error = problems.NotReady(
        f"The thumbnail {name} is not ready: retry, or use /{id}/{name}?wait=20 to wait."
    )
    error.headers = {**error.headers, **vary}
    return error


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
