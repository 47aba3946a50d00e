"""The routes, and the middleware around them."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from quickthumb.api.access import Keys
from quickthumb.api.bodies import Bodies
from quickthumb.api.cors import Cors
from quickthumb.api.growth import Growth
from quickthumb.api.idempotency import Idempotency
from quickthumb.api.pages import STORAGE_URL, Pages
from quickthumb.api.preconditions import expect_match
from quickthumb.api.quotas import Quotas
from quickthumb.api.records import Records
from quickthumb.api.refusals import on_error, refusal
from quickthumb.api.thumbnails import Thumbnails
from quickthumb.api.tokens import Tokens
from quickthumb.api.traced import Traced
from quickthumb.api.uploaded import PAGE
from quickthumb.api.uploads import Uploads
from quickthumb.messaging import Topic
from quickthumb.problems import MethodNotAllowed, NotFound
from quickthumb.settings import Settings
from quickthumb.store import Store

_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")  # the framework's own list

_UPLOADS = ("/", "/uploads")  # paths that take upload tokens

Handler = Callable[[Request], Awaitable[Response]]


def build(
    store: Store,
    records: Records,
    topic: Topic,
    settings: Settings,
    storage_url: str = STORAGE_URL,
) -> ASGIApp:
    """Return the application of the function `upload`.

    Args:
        store: originals and results.
        records: of requests with an `Idempotency-Key`.
        topic: of jobs.
        settings: of the service.
        storage_url: scheme and host of Cloud Storage, for clients.
    """
    keys = Keys(settings.api_keys, settings.token_secrets)
    of_key = (settings.key_uploads_per_minute, settings.key_bytes_per_minute)
    idempotency = Idempotency(records, settings.takeover_seconds)
    handlers = table(
        Uploads(store, idempotency, topic, settings, keys, Quotas(records, of_key)),
        Tokens(keys, settings),
        Thumbnails(store, topic, settings),
        Pages(settings, storage_url),
        Growth(store, topic, settings),
    )
    router = Router(
        [_route(path, keys, **by_method) for path, by_method in handlers.items()],
        redirect_slashes=False,
        default=_nothing_there,
    )
    app: ASGIApp = ExceptionMiddleware(router, {Exception: on_error})
    if settings.cors_origins:
        app = Cors(app, settings.cors_origins)
    return Traced(Bodies(app, settings.receive_seconds, settings.max_upload_bytes))


def table(
    uploads: Uploads, tokens: Tokens, thumbnails: Thumbnails, pages: Pages, growth: Growth
) -> Mapping[str, Mapping[str, Handler]]:
    """Return the handlers by path and method; the first matching path wins."""
    return {
        "/": {"GET": pages.root, "POST": uploads.create, "DELETE": uploads.delete_named},
        "/uploads": {"GET": uploads.statuses, "POST": uploads.announce},
        PAGE: {"GET": uploads.shown},
        "/tokens": {"POST": tokens.create},
        "/health": {"GET": pages.health},
        "/docs": {"GET": pages.docs},
        "/openapi.json": {"GET": pages.openapi},
        "/problems/{code}": {"GET": pages.problem},
        "/web/{name}": {"GET": pages.asset},
        "/{id}": {"GET": uploads.status, "POST": growth.add, "DELETE": uploads.delete},
        "/{id}/{name}": {"GET": thumbnails.get},
    }


def _route(path: str, keys: Keys, **handlers: Handler) -> Route:
    """Return a route for all methods of a path; unsupported ones get 405.

    Methods other than GET and HEAD need an API key; for uploads, a token will do.
    """
    allowed = ", ".join(sorted([*handlers, "OPTIONS", *(["HEAD"] if "GET" in handlers else [])]))

    async def by_method(request: Request) -> Response:
        handler = handlers.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            return _unsupported(request, allowed)
        if request.method not in ("GET", "HEAD"):
            is_upload = request.method == "POST" and path in _UPLOADS
            (keys.admit_upload if is_upload else keys.admit)(request)
        response = await handler(request)
        if request.method in ("GET", "HEAD"):
            expect_match(request, response)
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return Route(path, by_method, methods=_METHODS)


def _unsupported(request: Request, allowed: str) -> Response:
    headers = {"Allow": allowed}
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=headers)
    path = request.url.path[:100]
    error = MethodNotAllowed(f"{path} does not support {request.method}: expected {allowed}.")
    return refusal(error, headers)


async def _nothing_there(scope: Scope, receive: Receive, send: Send) -> None:
    error = NotFound(f"There is nothing at {scope['path'][:100]}.")
    await refusal(error)(scope, receive, send)
