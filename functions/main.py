"""The entry points of the functions, and nothing else.

What they share is built on first use: importing this file needs no cloud.
"""

import logging
import os
from dataclasses import asdict
from typing import cast

import flask
import functions_framework
import functions_framework.aio
from cloudevents.http import CloudEvent
from opentelemetry.trace import SpanKind
from starlette.requests import Request
from starlette.responses import Response

from quickthumb import logs, private, tracing
from quickthumb.api.refusals import refusal
from quickthumb.bury import bury as do_bury
from quickthumb.messaging import Message, delivered
from quickthumb.parts import Parts
from quickthumb.problems import InvalidSetting
from quickthumb.resize import resize as do_resize
from quickthumb.sweep import sweep as do_sweep
from quickthumb.sweep import sweep_on
from quickthumb.sweeping.asked import Asked
from quickthumb.sweeping.sweeper import Sweeper

logs.configure(os.environ)
tracing.configure(os.environ)
log = logging.getLogger("quickthumb")
parts = Parts(os.environ)


@functions_framework.aio.http
async def upload(request: Request) -> Response:
    """Take an HTTP request."""
    logs.restore()
    # To the framework a response is an ASGI application that answers the request; so is ours.
    try:
        return cast(Response, parts.api)
    except InvalidSetting as error:
        logs.during(request.headers.get("function-execution-id"))
        with tracing.span("upload", tracing.of_request(request.headers), SpanKind.SERVER):
            log.error("invalid configuration: %s", error)
        return refusal(error)


@functions_framework.cloud_event
def resize(event: CloudEvent) -> None:
    """Take a job from a push subscription or from Eventarc."""
    message = _message(event)
    with tracing.span("resize", tracing.of_message(message.attributes), SpanKind.CONSUMER):
        do_resize(message, parts.store, parts.completed, parts.settings, parts.kitchen)


@functions_framework.cloud_event
def bury(event: CloudEvent) -> None:
    """Take a dead letter from a push subscription or from Eventarc."""
    message = _message(event)
    with tracing.span("bury", tracing.of_message(message.attributes), SpanKind.CONSUMER):
        do_bury(message, parts.store, parts.completed)


@functions_framework.http
def sweep(request: flask.Request) -> flask.Response:
    """Take the call of a schedule, or that of a person who sweeps a part by hand."""
    private.entered()
    settings = parts.settings
    asked = Asked.read(request.args, settings.sweep_seconds)
    sweeper = Sweeper(
        *(parts.store, parts.uploads, parts.completed, settings.policy, settings.menu.standard),
        *(asked.first_after_seconds, asked.dry_run),
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


if flask.has_app_context():  # the framework loads this file in that of the function it serves
    # No dead letters lie behind `bury`: what it cannot read would come again and again.
    private.protect(
        flask.current_app, lambda: parts.callers, is_last=flask.current_app.name == "bury"
    )
if os.environ.get("FUNCTION_TARGET") == "upload":  # as the framework has it, however it was told
    from quickthumb.api import wire  # a server that the others do not have

    wire.install()
