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

from quickthumb import api, logs, messaging, private, storage, tracing
from quickthumb.api.records import Records
from quickthumb.api.refusals import refusal
from quickthumb.bury import bury as do_bury
from quickthumb.callers import Callers
from quickthumb.kitchen import Kitchen
from quickthumb.messaging import CloudTopic, Message, delivered
from quickthumb.problems import InvalidSetting
from quickthumb.resize import resize as do_resize
from quickthumb.settings import Settings
from quickthumb.storage import CloudBucket
from quickthumb.store import Store
from quickthumb.sweep import sweep as do_sweep
from quickthumb.sweep import sweep_on
from quickthumb.sweeping.asked import Asked
from quickthumb.sweeping.sweeper import Sweeper

logs.configure(os.environ)
tracing.configure(os.environ)
log = logging.getLogger("quickthumb")


@functions_framework.aio.http
async def upload(request: Request) -> Response:
    """Take an HTTP request."""
    logs.restore()
    # To the framework a response is an ASGI application that answers the request; so is ours.
    try:
        return cast(Response, _api())
    except InvalidSetting as error:
        logs.during(request.headers.get("function-execution-id"))
        with tracing.span("upload", tracing.of_request(request.headers), SpanKind.SERVER):
            log.error("cannot start: %s", error)
        return refusal(error)


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
    private.entered()
    settings = _settings()
    asked = Asked.read(request.args, settings.sweep_seconds)
    sweeper = Sweeper(
        _store(),
        _uploads(),
        _completed(),
        settings.policy,
        settings.menu.standard,
        asked.first_after_seconds,
        asked.dry_run,
    )
    if asked.start is None:
        report = sweep_on(sweeper, settings.sweep_seconds)
    else:
        report = do_sweep(sweeper, asked.start, asked.seconds)
    log.info("swept: %s", report)
    return flask.jsonify(asdict(report))


def _message(event: CloudEvent) -> Message:
    # The framework makes an event of a plain push request and drops the delivery attempt on the
    # way; the request itself still has it, and is the same in production.
    body = flask.request.get_json(silent=True)
    pushed = isinstance(body, dict) and "message" in body
    message = delivered(body if pushed else event.data)
    private.entered()
    return message


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


if flask.has_app_context():  # the framework loads this file in that of the function it serves
    # No dead letters lie behind `bury`: what it cannot read would come again and again.
    private.protect(flask.current_app, _callers, is_last=flask.current_app.name == "bury")
if os.environ.get("FUNCTION_TARGET") == "upload":  # as the framework has it, however it was told
    from quickthumb.api import wire  # a server that the others do not have

    wire.install()
