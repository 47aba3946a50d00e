"""Guards the functions that are not public: authenticates callers, and formats error responses.

By default, Flask and the framework return errors as HTML that includes the error message. Here all
responses are plain text or problem documents.
"""

import json
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import flask
from opentelemetry import context
from werkzeug.exceptions import HTTPException, InternalServerError

from quickthumb import logs, problems, tracing
from quickthumb.patience import Patience
from quickthumb.printable import printable

if TYPE_CHECKING:
    from quickthumb.callers import Callers

log = logging.getLogger(__name__)

_MOST_BYTES = 1024 * 1024
"""Of a request; far above any message of ours."""

_patience = Patience(seconds=10.0)
"""Deadline for receiving a body."""


class _Plain(flask.Response):
    """A response that is plain text by default, and that no browser renders as HTML."""

    default_mimetype = "text/plain"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.headers["X-Content-Type-Options"] = "nosniff"
        self.headers["Cache-Control"] = "no-store"


def protect(
    app: flask.Flask, callers: "Callable[[], Callers | None]", *, is_last: bool = False
) -> None:
    """Guard the function that the framework runs in an application.

    Args:
        app: the application; its function is not added yet.
        callers: returns the verifier of callers, None if the platform checks them.
        is_last: whether to acknowledge unreadable messages, which would be redelivered forever.
    """
    # The framework parses a body before it calls a function, using many times its size in memory.
    app.config["MAX_CONTENT_LENGTH"] = _MOST_BYTES
    app.response_class = _Plain
    app.url_map.merge_slashes = False  # a redirect would be HTML

    @app.before_request
    def let_in() -> None:
        logs.restore()
        headers = flask.request.headers
        flask.g.is_last = is_last
        logs.about(None)  # not the job of this thread's previous request
        logs.during(headers.get("Function-Execution-Id"))
        of_caller = tracing.of_request(cast(Mapping[str, str], headers))
        flask.g.context = context.attach(of_caller)
        try:
            _receive()
        finally:
            if known := callers():
                known.check(headers.get("Authorization"))

    @app.teardown_request
    def let_out(_: BaseException | None) -> None:
        if token := flask.g.pop("context", None):
            context.detach(token)

    app.register_error_handler(Exception, _answer)
    app.register_error_handler(500, _answer)  # replaces the framework's handler


def _receive() -> None:
    """Read the body of the current request first, with a deadline.

    The server has few threads, and would wait for a slow body forever.
    """
    connection = flask.request.environ.get("gunicorn.socket")
    if connection is not None:
        with _patience.with_reading(connection):
            flask.request.get_data()


def entered() -> None:
    """Record that the request was parsed: later errors are not its fault."""
    flask.g.entered = True


def _answer(error: Exception) -> flask.Response:
    """Return the response to an error. Anything but success makes Pub/Sub redeliver the message."""
    match error:
        case InternalServerError(original_exception=Exception() as original):
            return _answer(original)
        case HTTPException():
            return _refusal(error)
        case problems.WrongCaller():
            log.warning("rejected: %s", error)
            return _text(403, error)
        case problems.Unauthenticated():
            log.warning("rejected: %s", error)
            return _text(401, error, {"WWW-Authenticate": "Bearer"})
        case problems.InvalidSetting():
            log.error("invalid configuration: %s", error)
            document = json.dumps(error.document())
            return _Plain(document, error.status, mimetype="application/problem+json")
        case problems.Unavailable():
            log.warning("retry later: %s", error)
            return _text(503, error)
        case problems.InvalidMessage():
            return _unreadable(400, error)
        case problems.Refused():
            log.info("rejected: %s", error)
            return _text(400, error)
        case RecursionError() if "entered" not in flask.g:
            return _answer(problems.InvalidMessage(f"{_unread()}: its JSON is nested too deeply"))
        case _ if "entered" not in flask.g:
            return _answer(problems.InvalidMessage(f"{_unread()}: {type(error).__name__}: {error}"))
        case _:
            log.exception("%s", type(error).__name__, exc_info=error)
            return _text(500, "Internal error; see the log.")


def _refusal(error: HTTPException) -> flask.Response:
    """Return the response to a request that Flask or the framework rejects.

    Their own messages repeat the whole request.
    """
    said = error.name if error.code != 400 else f"{_unread()}: malformed or incomplete"
    if _is_pushed() and error.code in (400, 413):
        return _unreadable(error.code, said)
    log.warning("rejected: %s %s", error.code, said)
    headers = {name: value for name, value in error.get_headers() if name == "Allow"}
    return _text(error.code or 500, said, headers)


def _unreadable(status: int, what: object) -> flask.Response:
    if flask.g.is_last:
        log.error("acknowledged an unreadable message: %s", what)
        return _Plain(status=204)
    log.warning("retry later: %s", what)
    return _text(status, what)


def _unread() -> str:
    return "not a Pub/Sub message" if _is_pushed() else "the request cannot be read"


def _is_pushed() -> bool:
    return flask.request.endpoint == "cloudevent"  # the framework's name for CloudEvent functions


def _text(status: int, text: object, headers: Mapping[str, str] | None = None) -> flask.Response:
    return _Plain(f"{printable(text)}\n", status, headers)
