"""The route `POST /{id}`: further thumbnails of an upload that exists."""

from collections.abc import Collection, Sequence

from msgspec.structs import replace
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from quickthumb.api import documents
from quickthumb.api.intake import receive_json
from quickthumb.api.uploads import no_upload
from quickthumb.documents.announcement import read_options
from quickthumb.documents.job import Job
from quickthumb.documents.manifest import Manifest
from quickthumb.documents.names import is_id
from quickthumb.documents.rendition import Rendition
from quickthumb.documents.spelled import is_same, spelled
from quickthumb.imaging.formats import NEGOTIATE
from quickthumb.messaging import Topic
from quickthumb.options import renditions_of
from quickthumb.problems import InvalidMessage, UploadFailed
from quickthumb.settings import Settings
from quickthumb.store import Store
from quickthumb.wishing import ask, expect_room, original_of


class Growth:
    """The handler of the route."""

    def __init__(self, store: Store, topic: Topic, settings: Settings) -> None:
        self._store = store
        self._topic = topic
        self._settings = settings

    async def add(self, request: Request) -> Response:
        """POST /{id}: ask for the thumbnails that an upload with these options would get."""
        id = request.path_params["id"]
        body = await receive_json(request)
        given = [*(read_options(body) if body else ()), *request.query_params.multi_items()]
        renditions = renditions_of(given, self._settings.menu)
        if not is_id(id):
            raise no_upload(id)
        return await run_in_threadpool(self._add, id, renditions)

    def _add(self, id: str, renditions: Sequence[Rendition]) -> Response:
        """Ask for what is missing.

        Raises:
            NotFound: there is no such upload.
            UploadFailed, OriginalGone, TooManyThumbnails: it gets no further thumbnails.
            Unavailable: storage or messaging is unavailable.
        """
        state = self._store.status(id)
        if isinstance(state, Manifest):
            if state.failure:
                raise UploadFailed(f"The upload failed: {state.failure.detail}")
            job: Job | None = original_of(state, self._store)
            there = [thumb.name for thumb in state.thumbnails]
        else:
            job = self._waiting(id)
            there = [name for each in job.renditions for name in each.names] if job else []
        if job is None:
            raise no_upload(id)
        wanted = [_named(rendition, job, there) for rendition in renditions]
        missing = [
            each for rendition in wanted for each in rendition.made if each.name not in there
        ]
        expect_room(len(there), len(missing))
        headers = {"Cache-Control": "no-store", "Location": f"/{id}"}
        if isinstance(state, Manifest) and not missing:
            return JSONResponse(documents.status(id, state), 200, headers)
        ask(job, missing, self._store, self._topic)
        return JSONResponse(documents.queued(id, wanted, job.metadata), 202, headers)

    def _waiting(self, id: str) -> Job | None:
        """Return the job of an upload that has not ended, None if it does not exist."""
        try:
            return self._store.originals.waiting(id, self._settings.menu.standard)
        except InvalidMessage as error:
            raise UploadFailed(f"The upload is about to fail: {error}.") from None


def _named(rendition: Rendition, job: Job, there: Collection[str]) -> Rendition:
    """Return a rendition with its name: what its size and options are, unless it has a name.

    A size in an upload is the name of a thumbnail with any options. If it has others, the name
    tells the fit too.

    Args:
        rendition: a named one, or a size.
        job: of the upload, with what it requested.
        there: the names of its thumbnails.
    """
    if not rendition.name.isdecimal():
        return rendition
    for known in job.renditions:
        if known.name == rendition.name and is_same(known, rendition):
            return rendition
    named = spelled(rendition)
    taken = {name for known in job.renditions for name in known.names}
    if taken.intersection(named.names):
        named = spelled(rendition, in_full=True)
    plain = replace(named, name=named.name.replace(f"-{NEGOTIATE}", ""))
    is_free = plain.name not in there and plain.made == named.made
    return plain if is_free else named
