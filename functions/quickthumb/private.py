"""What stands before the functions that are not public: who may call, and what is answered.

By themselves Flask and the framework answer errors in HTML, with the text of whatever went wrong.
Here every answer is plain text, or a problem document, that nobody can take for anything else.
"""

import contextlib
import json
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, cast

import flask
from opentelemetry import context
from werkzeug.exceptions import HTTPException, InternalServerError

from quickthumb import logs, tracing
from quickthumb.callers import Callers
from quickthumb.printable import printable
from quickthumb.problems import (
    InvalidMessage,
    InvalidSetting,
    QuickThumbError,
    Refused,
    Unauthenticated,
    Unavailable,
    WrongCaller,
)

log = logging.getLogger(__name__)

_MOST_BYTES = 1024 * 1024
"""Of a request, far above any message of ours."""

_BODY_SECONDS = 10.0
"""Within which a body has to arrive."""


class _Plain(flask.Response):
    """An answer that is text unless it says otherwise, and that no browser takes for HTML."""

    default_mimetype = "text/plain"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.headers["X-Content-Type-Options"] = "nosniff"
        self.headers["Cache-Control"] = "no-store"


def protect(
    app: flask.Flask, callers: Callable[[], Callers | None], *, is_last: bool = False
) -> None:
    """Put the same door before every function that the framework runs in an application.

    Args:
        app: the application; its function is not added yet.
        callers: returns who may call, None if this is checked elsewhere.
        is_last: whether a message that cannot be read is let go, since nothing would ever end it.
    """
    # The framework parses a body before it calls a function, in many times its own size.
    app.config["MAX_CONTENT_LENGTH"] = _MOST_BYTES
    app.response_class = _Plain
    app.url_map.merge_slashes = False  # nor is there any redirection, which would be HTML

    @app.before_request
    def let_in() -> None:
        logs.restore()
        headers = flask.request.headers
        flask.g.is_last = is_last
        logs.about(None)  # no longer what this thread did before
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
    app.register_error_handler(500, _answer)  # instead of the framework's own


def _receive() -> None:
    """Read the body of the current request, which may come slowly, before anything else does.

    The server has a few threads, and waits for a body on one of them for ever.
    """
    connection = flask.request.environ.get("gunicorn.socket")
    if connection is None:
        return
    late = threading.Timer(_BODY_SECONDS, _end_reading, (connection,))
    late.start()
    try:
        flask.request.get_data()
    finally:
        late.cancel()


def _end_reading(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the client was faster
        connection.shutdown(socket.SHUT_RD)


def entered() -> None:
    """Note that the request was read: what goes wrong from here on is not its own fault."""
    flask.g.entered = True


def _answer(error: Exception) -> flask.Response:
    """Answer a request that is not done. Whatever is no success has a message delivered again."""
    match error:
        case InternalServerError(original_exception=Exception() as original):
            return _answer(original)
        case HTTPException():
            return _refusal(error)
        case WrongCaller():
            log.warning("turned away: %s", error)
            return _text(403, error)
        case Unauthenticated():
            log.warning("turned away: %s", error)
            return _text(401, error, {"WWW-Authenticate": "Bearer"})
        case InvalidSetting():
            log.error("cannot start: %s", error)
            return _problem(error)
        case Unavailable():
            log.warning("to be delivered again: %s", error)
            return _text(503, error)
        case InvalidMessage():
            return _unreadable(400, error)
        case Refused():
            log.info("refused: %s", error)
            return _text(400, error)
        case RecursionError() if "entered" not in flask.g:
            return _answer(InvalidMessage(f"{_unread()}: its JSON is nested too deeply"))
        case _ if "entered" not in flask.g:
            return _answer(InvalidMessage(f"{_unread()}: {type(error).__name__}: {error}"))
        case _:
            log.exception("%s", type(error).__name__, exc_info=error)
            return _text(500, "Something went wrong on our side; see the log.")


def _refusal(error: HTTPException) -> flask.Response:
    """Answer what Flask or the framework refuses, whose own words repeat the whole request."""
    said = error.name if error.code != 400 else f"{_unread()}: it is of another form, or not whole"
    if _is_pushed() and error.code in (400, 413):
        return _unreadable(error.code, said)
    log.warning("refused: %s %s", error.code, said)
    headers = {name: value for name, value in error.get_headers() if name == "Allow"}
    return _text(error.code or 500, said, headers)


def _unreadable(status: int, what: object) -> flask.Response:
    if flask.g.is_last:
        log.error("let go, since nobody can read it: %s", what)
        return _Plain(status=204)
    log.warning("to be delivered again: %s", what)
    return _text(status, what)


def _unread() -> str:
    return "no Pub/Sub message" if _is_pushed() else "the request cannot be read"


def _is_pushed() -> bool:
    return flask.request.endpoint == "cloudevent"  # the framework's own name for such functions


def _text(status: int, text: object, headers: Mapping[str, str] | None = None) -> flask.Response:
    return _Plain(f"{printable(text)}\n", status, headers)


def _problem(error: QuickThumbError) -> flask.Response:
    document = error.document()
    return _Plain(json.dumps(document), document["status"], mimetype="application/problem+json")
