"""Cross-origin requests: what a browser lets scripts of other origins send and read."""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from quickthumb.api.refusals import refusal
from quickthumb.problems import CrossOrigin

_METHODS = ("GET", "HEAD", "POST", "DELETE")
_SENT = (
    *("Authorization", "Idempotency-Key", "X-API-Key"),
    *("If-None-Match", "If-Range", "Range"),
    *("traceparent", "tracestate"),
)
_READ = (
    *("Location", "Retry-After", "Idempotent-Replayed"),
    *("ETag", "Accept-Ranges", "Content-Range", "Content-Length", "Content-Disposition"),
    *("Allow", "WWW-Authenticate"),
)
_MAX_AGE_SECONDS = 7200  # Chrome keeps the answer to a preflight no longer


class Cors(CORSMiddleware):
    """Admits scripts of some origins, and tells the others why they are not admitted.

    Every answer has `Vary: Origin`, even to requests without an origin: a thumbnail is cached for
    ever, and an `img` must not leave a copy that a script of the same page cannot read.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=_METHODS,
            allow_headers=_SENT,
            expose_headers=_READ,
            max_age=_MAX_AGE_SECONDS,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer the request that a browser sends before that of a script."""
        answer = super().preflight_response(request_headers)
        kept = {
            name: text for name, text in answer.headers.items() if not name.startswith("content-")
        }
        if answer.status_code == 200:
            return Response(status_code=204, headers=kept)
        origin = request_headers["origin"]
        detail = (
            f"A script of {origin[:200]} may not send this. Origins in QUICKTHUMB_CORS_ORIGINS may "
            f"send {', '.join(_METHODS)} with the headers {', '.join(_SENT)}."
        )
        return refusal(CrossOrigin(detail), kept)
