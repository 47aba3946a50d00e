"""CORS: which requests browsers allow scripts of other origins to send and read."""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from quickthumb.api.refusals import refusal
from quickthumb.problems import CrossOrigin

_METHODS = ("GET", "HEAD", "POST", "DELETE")
_READ = (
    *("Location", "Retry-After", "Idempotent-Replayed"),
    *("ETag", "Accept-Ranges", "Content-Range", "Content-Length", "Content-Disposition"),
    *("Allow", "WWW-Authenticate"),
)
_MAX_AGE_SECONDS = 7200  # the most that Chrome caches a preflight


class Cors(CORSMiddleware):
    """Allows some origins, and returns a problem document to all others.

    Allowed pages may send any header. Upload widgets add some that mean nothing here, such as
    `X-Requested-With`; none has more power than the same header from another program.

    Every response has `Vary: Origin`, even without an origin: thumbnails are cached forever, and a
    copy cached for an `img` would have no CORS headers for a script of the same page.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=_METHODS,
            allow_headers=("*",),
            expose_headers=_READ,
            max_age=_MAX_AGE_SECONDS,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """Respond to the preflight request of a browser."""
        answer = super().preflight_response(request_headers)
        kept = {
            name: text for name, text in answer.headers.items() if not name.startswith("content-")
        }
        if answer.status_code == 200:
            return Response(status_code=204, headers=kept)
        origin = request_headers["origin"]
        detail = (
            f"Scripts of {origin[:200]} may not send this request. Origins in "
            f"QUICKTHUMB_CORS_ORIGINS may send {', '.join(_METHODS)}, with any headers."
        )
        return refusal(CrossOrigin(detail), kept)
