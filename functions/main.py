"""The entry points of the functions, and nothing else.

What they share is built on first use: importing this file needs no cloud.
"""

import logging
import os
from dataclasses import asdict
from functools import cache
from typing import cast

import flask
import functions_framework
import functions_framework.aio
from cloudevents.http import CloudEvent
from google.auth.transport.requests import Request as Fetch
from opentelemetry.trace import SpanKind
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from quickthumb import api, logs, messaging, storage, tracing
from quickthumb.api import problems
from quickthumb.bury import bury as do_bury
from quickthumb.callers import Callers
from quickthumb.errors import (
    InvalidMessage,
    InvalidOption,
    InvalidSetting,
    QuickThumbError,
    Unauthenticated,
    Unavailable,
    WrongCaller,
)
from quickthumb.kitchen import Kitchen
from quickthumb.messaging import CloudTopic, Message, delivered
from quickthumb.records import Records
from quickthumb.resize import resize as do_resize
from quickthumb.settings import Settings
from quickthumb.storage import CloudBucket
from quickthumb.store import Store
from quickthumb.sweep import Asked, Sweep, sweep_on

logs.configure(os.environ)
tracing.configure(os.environ)
log = logging.getLogger("quickthumb")

_MAX_PUSH_BYTES = 1024 * 1024  # far above any message of ours

if flask.has_app_context():  # the framework loads this file in that of the function it serves
    # A body is parsed before any code of ours is called, in many times its own size.
    flask.current_app.config["MAX_CONTENT_LENGTH"] = _MAX_PUSH_BYTES


@functions_framework.aio.http
async def upload(_: Request) -> Response:
    """Take an HTTP request."""
    # To the framework a response is an ASGI application that answers the request; so is ours.
    try:
        return cast(Response, _api())
    except InvalidSetting as error:
        log.error("cannot start: %s", error)
        return problems.answer(error)


@functions_framework.cloud_event
def resize(event: CloudEvent) -> None:
    """Take a job from a push subscription or from Eventarc."""
    message = _message(event)
    with tracing.span("resize", tracing.of_message(message.attributes), SpanKind.CONSUMER):
        do_resize(message, _store(), _completed(), _settings(), _kitchen())


@functions_framework.cloud_event
def bury(event: CloudEvent) -> None:
    """Take a dead letter from a push subscription or from Eventarc."""
    message = _message(event)
    with tracing.span("bury", tracing.of_message(message.attributes), SpanKind.CONSUMER):
        do_bury(message, _store(), _completed())


@functions_framework.http
def sweep(request: flask.Request) -> flask.Response:
    """Take the call of a schedule, or that of a person who sweeps a part by hand."""
    asked = Asked.read(request.args)
    settings = _settings()
    sweep = Sweep(
        _store(),
        _uploads(),
        _completed(),
        settings.policy,
        settings.menu.standard,
        asked.first_after_seconds,
        asked.dry_run,
    )
    if asked.start is None:
        report = sweep_on(sweep, settings.sweep_seconds)
    else:
        report = sweep.run(asked.start, asked.seconds)
    log.info("swept: %s", report)
    return flask.jsonify(asdict(report))


def _message(event: CloudEvent) -> Message:
    if callers := _callers():
        callers.check(flask.request.headers.get("Authorization"))
    # The framework makes an event of a plain push request and drops the delivery attempt on the
    # way; the request itself still has it, and is the same in production.
    body = flask.request.get_json(silent=True)
    pushed = isinstance(body, dict) and "message" in body
    return delivered(body if pushed else event.data)


@functions_framework.errorhandler(Unavailable)  # type: ignore[untyped-decorator]
@functions_framework.errorhandler(InvalidMessage)  # type: ignore[untyped-decorator]
@functions_framework.errorhandler(InvalidSetting)  # type: ignore[untyped-decorator]
def deliver_again(error: QuickThumbError) -> tuple[str, int]:
    """Answer a message that is not done with: anything but a success has it delivered again."""
    log.warning("to be delivered again: %s", error)
    return str(error), 400 if isinstance(error, InvalidMessage) else 503


@functions_framework.errorhandler(RecursionError)  # type: ignore[untyped-decorator]
def refuse_nesting(_: RecursionError) -> tuple[str, int]:
    """Answer JSON in so many brackets that the framework's parser gives up."""
    error = InvalidMessage("no Pub/Sub message: its JSON is nested too deeply")
    answer: tuple[str, int] = deliver_again(error)
    return answer


@functions_framework.errorhandler(Unauthenticated)  # type: ignore[untyped-decorator]
def turn_away(error: Unauthenticated) -> tuple[str, int, dict[str, str]]:
    """Answer who may not deliver messages."""
    log.warning("turned away: %s", error)
    if isinstance(error, WrongCaller):
        return str(error), 403, {}
    return str(error), 401, {"WWW-Authenticate": "Bearer"}


@functions_framework.errorhandler(InvalidOption)  # type: ignore[untyped-decorator]
def refuse(error: InvalidOption) -> tuple[str, int]:
    """Answer a call that asks for something there is not."""
    return str(error), 400


@cache
def _settings() -> Settings:
    return Settings.from_env(os.environ)


@cache
def _callers() -> Callers | None:
    settings = _settings()
    if settings.push_audience is None:
        return None
    return Callers(
        settings.push_audience,
        settings.push_certs_url,
        settings.push_account,
        settings.call_seconds,
        Fetch(),
    )


@cache
def _storage() -> storage.Client:
    return storage.connect()


@cache
def _store() -> Store:
    settings, client = _settings(), _storage()
    return Store(
        CloudBucket(
            client, settings.originals_bucket, settings.call_seconds, settings.sessions_url
        ),
        CloudBucket(client, settings.processed_bucket, settings.call_seconds),
    )


@cache
def _records() -> Records:
    settings = _settings()
    return Records(CloudBucket(_storage(), settings.requests_bucket, settings.call_seconds))


@cache
def _kitchen() -> Kitchen:
    settings = _settings()
    return Kitchen(settings.limits, settings.decoders)


@cache
def _publisher() -> messaging.Publisher:
    return messaging.connect(traced=tracing.is_configured(os.environ))


@cache
def _uploads() -> CloudTopic:
    settings = _settings()
    return CloudTopic(_publisher(), settings.uploads_topic, settings.call_seconds)


@cache
def _completed() -> CloudTopic:
    settings = _settings()
    return CloudTopic(_publisher(), settings.completed_topic, settings.call_seconds)


@cache
def _api() -> ASGIApp:
    return api.build(_store(), _records(), _uploads(), _settings())
