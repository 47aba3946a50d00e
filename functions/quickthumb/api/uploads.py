"""The routes `POST /`, `POST /uploads`, `GET /uploads`, `GET /{id}` and `DELETE /{id}`."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from quickthumb.api import documents
from quickthumb.api.access import FIELD, Holder, Keys
from quickthumb.api.fields import read_fields
from quickthumb.api.idempotency import Attempt, Idempotency
from quickthumb.api.intake import receive, receive_json
from quickthumb.api.pages import OF_PAGES
from quickthumb.api.preconditions import expect_unconditional, is_conditional
from quickthumb.api.quotas import Quotas
from quickthumb.api.records import Answer
from quickthumb.api.refusals import log_refusal, respond
from quickthumb.api.uploaded import next_page, page_of, redirect
from quickthumb.api.waiting import until, until_async, wait_seconds
from quickthumb.documents.announcement import read_announced
from quickthumb.documents.manifest import Manifest
from quickthumb.documents.metadata import Metadata, from_fields, joined
from quickthumb.documents.names import is_id, new_id
from quickthumb.documents.receipt import named_in
from quickthumb.documents.rendition import Rendition
from quickthumb.messaging import Topic
from quickthumb.options import renditions_of
from quickthumb.problems import (
    InvalidOption,
    NotFound,
    QuickThumbError,
    TokenExhausted,
    Unavailable,
)
from quickthumb.settings import Settings
from quickthumb.store import Store
from quickthumb.store.originals import Queued
from quickthumb.upload import File, accept, expect, is_acceptable

log = logging.getLogger(__name__)

_NO_STORE = {"Cache-Control": "no-store"}

_FILES_AT_ONCE = 4
"""How many files of a request are stored in parallel; more would delay other requests."""

_LOOKS_AT_ONCE = 4
"""The same for the uploads whose status a request asks for."""

MAX_IDS = 20
"""Maximum number of uploads whose status a request can ask for."""


class Uploads:
    """The handlers of the routes."""

    def __init__(
        self,
        store: Store,
        idempotency: Idempotency,
        topic: Topic,
        settings: Settings,
        keys: Keys,
        quotas: Quotas,
    ) -> None:
        self._keys = keys
        self._quotas = quotas
        self._store = store
        self._idempotency = idempotency
        self._topic = topic
        self._settings = settings

    async def create(self, request: Request) -> Response:
        """POST /: accept one or more pictures."""
        if request.state.holder:
            self._quotas.check(request.state.holder)
        sent = await receive(request, self._settings, partial(self._admit, request))
        form, query = self._fields(sent.form), self._fields(sent.query)
        holder: Holder = request.state.holder
        menu, origins = self._settings.menu, self._settings.cors_origins
        fields = read_fields(form, query, menu, origins)
        renditions, metadata = self._asked(fields.options, fields.metadata, holder)
        extent = (len(sent.files), sum(len(file.data) for file in sent.files))
        if holder.token:
            holder.token.admit(*extent)
        contents = [(file.filename, file.data) for file in sent.files]
        if await self._spends_nothing(sent.files, holder):
            attempt = Attempt(tuple(new_id() for _ in contents))
        else:
            attempt = await self._begin(request, form + query, contents, extent)
        answer = attempt.answer
        if answer is None:
            verdicts = await self._judge_all(sent.files, renditions, metadata, attempt)
            answer = _answer(sent.files, verdicts)
            await self._idempotency.finish(attempt, answer)
        page = next_page(request, fields.next)
        redirected = redirect(page, answer) if page else None
        return redirected or _response(answer, replayed=attempt.answer is not None)

    async def shown(self, request: Request) -> Response:
        """GET /uploaded: a page with the thumbnails of some uploads."""
        ids = request.query_params.getlist("id")
        if not 1 <= len(ids) <= self._settings.max_files:
            raise InvalidOption(
                f"{len(ids):,} ids: expected 1 to {self._settings.max_files} parameters id, each "
                "the id of an upload.",
                field="id",
            )

        ids = list(dict.fromkeys(ids))
        states = await self._states(ids)
        return HTMLResponse(
            page_of(dict(zip(ids, states, strict=True))), headers=_NO_STORE | OF_PAGES
        )

    async def announce(self, request: Request) -> Response:
        """POST /uploads: return where to send an upload that is too large for POST /."""
        body = await receive_json(request)
        query = self._fields(request.query_params.multi_items())
        announced = read_announced(body, self._settings.max_original_bytes)
        holder: Holder = request.state.holder
        options, metadata = from_fields([*announced.given, *query])
        metadata = joined([announced.metadata, metadata])
        renditions, metadata = self._asked(options, metadata, holder)
        extent = (1, announced.size)
        if holder.token:
            holder.token.admit(*extent, field="size")
        attempt = await self._begin(request, query, [("", body)], extent)
        if attempt.answer:
            return _response(attempt.answer, replayed=True)
        [id] = attempt.ids
        origin = request.headers.get("origin")
        about = (announced, renditions, self._store, origin, attempt.shared, metadata)
        url = await run_in_threadpool(expect, id, *about)
        answer = Answer(201, documents.session(id, url, renditions))
        await self._idempotency.finish(attempt, answer)
        return _response(answer)

    async def status(self, request: Request) -> Response:
        """GET /{id}: the status of an upload."""
        id = request.path_params["id"]
        state = await state_of(request, self._store, self._settings.max_wait_seconds)
        return JSONResponse(documents.status(id, state), headers=_NO_STORE)

    async def statuses(self, request: Request) -> Response:
        """GET /uploads: the statuses of several uploads; waiting ends when any job has ended."""
        ids = _ids(request)
        seconds = wait_seconds(request, self._settings.max_wait_seconds)
        states = await until_async(
            lambda: self._states(ids),
            lambda found: not all(isinstance(each, Queued) for each in found),
            seconds,
        )
        listed = [
            documents.status(id, state) if state else {"id": id, **no_upload(id).document()}
            for id, state in zip(ids, states, strict=True)
        ]
        return JSONResponse({"uploads": listed}, headers=_NO_STORE)

    async def _states(self, ids: Sequence[str]) -> list[Manifest | Queued | None]:
        """Return the statuses of uploads, some of which may not exist."""
        turn = asyncio.Semaphore(_LOOKS_AT_ONCE)

        async def state(id: str) -> Manifest | Queued | None:
            if not is_id(id):
                return None
            async with turn:
                return await run_in_threadpool(self._store.status, id)

        return await asyncio.gather(*map(state, ids))

    async def delete(self, request: Request) -> Response:
        """DELETE /{id}: delete an upload."""
        return await self._delete(request, request.path_params["id"])

    async def delete_named(self, request: Request) -> Response:
        """DELETE /: delete the upload that the body names, as some upload widgets do."""
        return await self._delete(request, named_in(await receive_json(request)))

    async def _delete(self, request: Request, id: str) -> Response:
        if is_conditional(request):
            if not is_id(id) or await run_in_threadpool(self._store.status, id) is None:
                raise no_upload(id)
            expect_unconditional(request)
        if not is_id(id) or not await run_in_threadpool(self._store.delete, id):
            raise no_upload(id)
        log.info("deleted %s", id)
        return Response(status_code=204)

    def _admit(self, request: Request, fields: Iterable[tuple[str, object]]) -> None:
        """Check who sends a form, by the fields that precede a file."""
        self._keys.admit_form(request, fields)
        self._quotas.check(request.state.holder)

    @staticmethod
    def _fields(given: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return fields and query parameters without the upload token.

        Also where there are no tokens: it is a secret, which must not end in metadata.
        """
        return [pair for pair in given if pair[0] != FIELD]

    def _asked(
        self, options: tuple[tuple[str, str], ...], metadata: Metadata, holder: Holder
    ) -> tuple[tuple[Rendition, ...], Metadata]:
        """Return the thumbnails and the metadata of an upload.

        Args:
            options: names and values.
            metadata: of the application.
            holder: who sends it; a token may set some of it, and forbid the rest.
        """
        if holder.token:
            options, metadata = holder.token.chosen(options), holder.token.labelled(metadata)
        return renditions_of(options, self._settings.menu), metadata

    async def _spends_nothing(self, files: Sequence[File], holder: Holder) -> bool:
        """Return whether all files will be refused, so that no use of a token is spent."""
        if not (holder.token and holder.token.uses):
            return False
        return not await run_in_threadpool(
            lambda: any(is_acceptable(file, self._settings.limits) for file in files)
        )

    async def _begin(
        self,
        request: Request,
        options: Sequence[tuple[str, str]],
        contents: Sequence[tuple[str, bytes]],
        extent: tuple[int, int],
    ) -> Attempt:
        """Begin an attempt that is within the quotas of its sender; see `Idempotency.begin`."""
        give_back = await self._quotas.take(request.state.holder, extent)
        try:
            return await self._idempotency.begin(request, options, contents)
        except TokenExhausted:
            # Otherwise a used token could use up the quota of the key that made it.
            give_back()
            raise

    async def _judge_all(
        self,
        files: Sequence[File],
        renditions: Sequence[Rendition],
        metadata: Metadata,
        attempt: Attempt,
    ) -> list[dict[str, Any]]:
        """Accept or reject each file on its own; return receipts and problems."""
        turn = asyncio.Semaphore(_FILES_AT_ONCE)
        needs = (self._store, self._topic, self._settings.limits)

        async def judge(id: str, file: File) -> dict[str, Any]:
            try:
                async with turn:
                    job = await run_in_threadpool(
                        accept, id, file, renditions, *needs, attempt.shared, metadata
                    )
                return documents.queued(id, job.renditions, job.metadata)
            except QuickThumbError as error:
                log_refusal(error)
                return error.document()

        return await asyncio.gather(*map(judge, attempt.ids, files))


async def state_of(request: Request, store: Store, max_seconds: int) -> Manifest | Queued:
    """Return the status of the upload in a request's path, after waiting as requested.

    Raises:
        InvalidOption: `wait` is not a number of seconds.
        NotFound: there is no such upload.
    """
    id = request.path_params["id"]
    seconds = wait_seconds(request, max_seconds)
    if not is_id(id):
        raise no_upload(id)
    state = await until(
        lambda: store.status(id), lambda found: not isinstance(found, Queued), seconds
    )
    if state is None:
        raise no_upload(id)
    return state


def _ids(request: Request) -> list[str]:
    text = ",".join(request.query_params.getlist("ids"))
    ids = text.split(",")
    wrong = next((id for id in ids if not is_id(id)), None)
    if wrong is not None or len(ids) > MAX_IDS:
        given = f"{len(ids)} ids" if wrong is None else repr(wrong[:100])
        raise InvalidOption(
            f"ids: {given}: expected 1 to {MAX_IDS} ids of uploads, separated by commas.",
            field="ids",
        )
    return list(dict.fromkeys(ids))


def no_upload(id: str) -> NotFound:
    """Return the error of an upload that does not exist."""
    return NotFound(
        f"There is no upload {id[:100]!r}: it never existed, has not arrived completely, or was "
        "deleted."
    )


def _answer(files: Sequence[File], verdicts: Sequence[Mapping[str, Any]]) -> Answer:
    """Return the answer to a request, from the verdict on each of its files."""
    statuses = [202 if "id" in verdict else verdict["status"] for verdict in verdicts]
    final = max(statuses) < 500
    if len(files) == 1:
        return Answer(statuses[0], verdicts[0], final)
    named = [
        {"filename": file.filename, **verdict}
        for file, verdict in zip(files, verdicts, strict=True)
    ]
    return Answer(202 if 202 in statuses else max(statuses), {"uploads": named}, final)


def _response(answer: Answer, *, replayed: bool = False) -> Response:
    document = answer.document
    response: Response
    if "code" in document:
        response = respond(document)
    else:
        # All files may have been rejected for temporary reasons.
        again_later = Unavailable.headers if answer.status == 503 else {}
        response = JSONResponse(document, answer.status, {**_NO_STORE, **again_later})
    if "id" in document:
        response.headers["Location"] = f"/{document['id']}"
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response
