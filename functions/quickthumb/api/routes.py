"""Which request goes where, and what it is answered with."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from quickthumb import logs
from quickthumb.api import documents, pictures, problems
from quickthumb.api.access import Keys
from quickthumb.api.bodies import Bodies
from quickthumb.api.cors import Cors
from quickthumb.api.intake import receive, receive_json
from quickthumb.api.once import fingerprint_of, key_of, name_of, once
from quickthumb.api.openapi.catalogue import KINDS
from quickthumb.api.pages import Pages
from quickthumb.api.traced import Traced
from quickthumb.api.waiting import until, wait_seconds
from quickthumb.documents.announcement import read_announced
from quickthumb.documents.manifest import Failure, Manifest
from quickthumb.documents.names import is_id, new_id
from quickthumb.documents.rendition import Rendition
from quickthumb.messaging import Topic
from quickthumb.options import renditions_of
from quickthumb.problems import QuickThumbError
from quickthumb.records import Answer, Records
from quickthumb.settings import Settings
from quickthumb.store import Queued, Store
from quickthumb.upload import File, accept, expect

log = logging.getLogger(__name__)

_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")  # the framework's own list

Handler = Callable[[Request], Awaitable[Response]]

_NO_STORE = {"Cache-Control": "no-store"}

_FILES_AT_ONCE = 4
"""Files of one request that are stored at a time: enough to wait for Cloud Storage in parallel, few
enough that a full form does not keep other people's requests waiting."""


class Api:
    """The handlers, over what they need."""

    def __init__(self, store: Store, records: Records, uploads: Topic, settings: Settings) -> None:
        self._store = store
        self._records = records
        self._uploads = uploads
        self._settings = settings

    async def create(self, request: Request) -> Response:
        """POST /: accept one picture or several."""
        sent = await receive(request, self._settings)
        renditions = renditions_of(sent.fields, self._settings.menu)
        files = [(file.filename, file.data) for file in sent.files]
        do = partial(self._judge_all, sent.files, renditions)
        return await self._once(request, sent.fields, files, do)

    async def expect(self, request: Request) -> Response:
        """POST /uploads: say where to send an upload that is too large for POST /."""
        body = await receive_json(request)
        query = request.query_params.multi_items()
        announced = read_announced(body, self._settings.max_original_bytes)
        renditions = renditions_of([*announced.given, *query], self._settings.menu)
        origin = request.headers.get("origin")

        async def do(ids: Sequence[str], _: bool) -> Answer:
            [id] = ids
            session = await run_in_threadpool(
                expect, id, announced, renditions, self._store, origin
            )
            return Answer(201, documents.session(session))

        return await self._once(request, query, [("", body)], do)

    async def _once(
        self,
        request: Request,
        options: Sequence[tuple[str, str]],
        contents: Sequence[tuple[str, bytes]],
        do: Callable[[Sequence[str], bool], Awaitable[Answer]],
    ) -> Response:
        """Do a request under an id for each of its contents; only once, if it bears a key.

        Args:
            request: the request.
            options: that were sent with it.
            contents: that were sent with it, with their names.
            do: does it under these ids; the flag tells that another attempt may have the same.
        """
        key = key_of(request)
        if key is None:
            return _response(await do([new_id() for _ in contents], False))
        answer, again = await once(
            self._records,
            name_of(key, request.state.key),
            await run_in_threadpool(fingerprint_of, request.url.path, options, contents),
            len(contents),
            self._settings.takeover_seconds,
            lambda ids: do(ids, True),
        )
        return _response(answer, again)

    async def _judge_all(
        self,
        files: Sequence[File],
        renditions: Sequence[Rendition],
        ids: Sequence[str],
        repeated: bool,
    ) -> Answer:
        """Accept or refuse each file by itself."""
        turn = asyncio.Semaphore(_FILES_AT_ONCE)

        async def judge(id: str, file: File) -> dict[str, Any]:
            async with turn:
                return await self._judge(id, file, renditions, repeated)

        verdicts = await asyncio.gather(
            *(judge(id, file) for id, file in zip(ids, files, strict=True))
        )
        statuses = [202 if "id" in verdict else verdict["status"] for verdict in verdicts]
        final = max(statuses) < 500
        if len(files) == 1:
            return Answer(statuses[0], verdicts[0], final)
        named = [
            {"filename": file.filename} | verdict
            for file, verdict in zip(files, verdicts, strict=True)
        ]
        return Answer(202 if 202 in statuses else max(statuses), {"uploads": named}, final)

    async def _judge(
        self, id: str, file: File, renditions: Sequence[Rendition], repeated: bool
    ) -> dict[str, Any]:
        """Accept a file, and return its receipt, or refuse it, and return the problem."""
        do = partial(
            accept,
            *(id, file, renditions, self._store, self._uploads, self._settings.limits),
            repeated=repeated,
        )
        try:
            return documents.receipt(await run_in_threadpool(do))
        except QuickThumbError as error:
            refusal = problems.document(error)
            _log_refusal(refusal, error)
            return refusal

    async def status(self, request: Request) -> Response:
        """GET /{id}: how an upload stands."""
        id = request.path_params["id"]
        state = await self._state(request, id)
        if state is None:
            return _unknown(id)
        return JSONResponse(documents.status(id, state), headers=_NO_STORE)

    async def thumbnail(self, request: Request) -> Response:
        """GET /{id}/{name}: the picture."""
        id, name = request.path_params["id"], request.path_params["name"]
        state = await self._state(request, id)
        if state is None:
            return _unknown(id)
        if isinstance(state, Queued):
            names = [rendition.name for rendition in state.renditions]
            is_expected = name in names or not names  # none: it is not known what was asked for
            return _not_ready(id, name) if is_expected else _no_such_thumbnail(name, names)
        if state.failure:
            return _failed(state.failure)
        thumb = state.thumbnail(name)
        if thumb is None:
            return _no_such_thumbnail(name, [thumb.name for thumb in state.thumbnails])
        answer = await pictures.answer(
            request, state, thumb, lambda: run_in_threadpool(self._store.thumbnail, thumb.blob)
        )
        return answer or _unknown(id)

    async def _state(self, request: Request, id: str) -> Manifest | Queued | None:
        seconds = wait_seconds(request, self._settings.max_wait_seconds)
        if not is_id(id):
            return None
        return await until(lambda: self._store.status(id), _has_ended, seconds)

    async def delete(self, request: Request) -> Response:
        """DELETE /{id}: forget an upload."""
        id = request.path_params["id"]
        if not is_id(id) or not await run_in_threadpool(self._store.delete, id):
            return _unknown(id)
        log.info("deleted %s", id)
        return Response(status_code=204)

    async def health(self, _: Request) -> Response:
        """GET /health: whether this process answers; it asks nobody else."""
        return JSONResponse({"status": "ok"}, headers=_NO_STORE)


def build(store: Store, records: Records, uploads: Topic, settings: Settings) -> ASGIApp:
    """Return the application behind the function `upload`."""
    handlers = table(Api(store, records, uploads, settings), Pages(settings))
    keys = Keys(settings.api_keys)
    router = Router(
        [_route(path, keys, **by_method) for path, by_method in handlers.items()],
        redirect_slashes=False,
        default=_nothing_there,
    )
    app: ASGIApp = ExceptionMiddleware(router, {Exception: _on_error})
    if settings.cors_origins:
        app = Cors(app, settings.cors_origins)
    return Traced(Bodies(app, settings.receive_seconds, settings.max_upload_bytes))


def table(api: Api, pages: Pages) -> Mapping[str, Mapping[str, Handler]]:
    """Return what handles each method of each path; of paths that match, the first one counts."""
    return {
        "/": {"GET": pages.root, "POST": api.create},
        "/uploads": {"POST": api.expect},
        "/health": {"GET": api.health},
        "/docs": {"GET": pages.docs},
        "/openapi.json": {"GET": pages.openapi},
        "/problems/{code}": {"GET": pages.problem},
        "/web/{name}": {"GET": pages.asset},
        "/{id}": {"GET": api.status, "DELETE": api.delete},
        "/{id}/{name}": {"GET": api.thumbnail},
    }


def _route(path: str, keys: Keys, **handlers: Handler) -> Route:
    """Return one route for all methods of a path, which names the right ones to the others.

    Whatever changes something needs a key.
    """
    allowed = ", ".join(sorted([*handlers, "OPTIONS", *(["HEAD"] if "GET" in handlers else [])]))

    async def by_method(request: Request) -> Response:
        handler = handlers.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            return _without_handler(request, allowed)
        if request.method not in ("GET", "HEAD"):
            request.state.key = keys.holder(request)
        response = await handler(request)
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return Route(path, by_method, methods=_METHODS)


def _without_handler(request: Request, allowed: str) -> Response:
    headers = {"Allow": allowed}
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=headers)
    detail = f"{request.method} is not for {request.url.path[:100]}: expected {allowed}."
    return problems.problem(405, "method-not-allowed", detail, headers=headers)


def _has_ended(state: Manifest | Queued | None) -> bool:
    return not isinstance(state, Queued)


def _response(answer: Answer, again: bool = False) -> Response:
    """Return the response to an upload; `again` tells that it was given before."""
    document = answer.document
    response: Response
    if "code" in document:
        response = problems.respond(document)
    else:
        # Of several files that were all refused, for any reason that may be over soon.
        again_later = problems.HEADERS["unavailable"] if answer.status == 503 else {}
        response = JSONResponse(document, answer.status, {**_NO_STORE, **again_later})
    if "id" in document:
        response.headers["Location"] = f"/{document['id']}"
    if again:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def _unknown(id: str) -> Response:
    return problems.problem(
        404,
        "not-found",
        f"There is no upload {id[:100]!r}: it never was, its bytes have not all arrived, or it was "
        "deleted.",
    )


def _not_ready(id: str, name: str) -> Response:
    return problems.problem(
        404,
        "not-ready",
        f"The thumbnail {name} is not made yet: ask again, or ask /{id}/{name}?wait=20 to wait.",
        headers={"Retry-After": "1"},
    )


def _failed(failure: Failure) -> Response:
    # A manifest stays when codes change.
    kind = KINDS.get(failure.code, KINDS["unprocessable"])
    return problems.problem(kind.status, failure.code, failure.detail)


def _no_such_thumbnail(name: str, names: Sequence[str]) -> Response:
    return problems.problem(
        404, "not-found", f"There is no thumbnail {name[:100]!r}: expected {', '.join(names)}."
    )


async def _on_error(request: Request, error: Exception) -> Response:
    path = request.url.path[:100]
    if isinstance(error, ClientDisconnect):
        log.info("%s %s: the client went away before it had sent everything", request.method, path)
        return Response(status_code=400)
    if not isinstance(error, QuickThumbError):
        log.exception("%s %s", request.method, path, exc_info=error)
        return problems.answer(QuickThumbError())
    _log_refusal(problems.document(error), error)
    return problems.answer(error)


def _log_refusal(refusal: Mapping[str, Any], error: QuickThumbError) -> None:
    """Say why a request was refused; loudly where that is not its own fault."""
    level = logging.ERROR if refusal["status"] >= 500 else logging.INFO
    told = logs.fields(event="refused", code=refusal["code"], status=refusal["status"])
    log.log(level, "refused: %s", error, extra=told)


async def _nothing_there(scope: Scope, receive: Receive, send: Send) -> None:
    detail = f"There is nothing at {scope['path'][:100]}."
    await problems.problem(404, "not-found", detail)(scope, receive, send)
