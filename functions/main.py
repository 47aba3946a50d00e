"""The entry points of the functions.

Clients and settings are created on first use, so importing this file needs no cloud. Each function
imports its own modules, since an instance that starts has only one of them.
"""

import gc
import logging
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, cast

import flask
import functions_framework
import functions_framework.aio
from cloudevents.http import CloudEvent
from opentelemetry.trace import SpanKind
from starlette.requests import Request
from starlette.responses import Response

from quickthumb import logs, private, tracing
from quickthumb.parts import Parts
from quickthumb.problems import InvalidSetting

if TYPE_CHECKING:
    from quickthumb.messaging import Message

logs.configure(os.environ)
tracing.configure(os.environ)
log = logging.getLogger("quickthumb")
parts = Parts(os.environ)


@functions_framework.aio.http
async def upload(request: Request) -> Response:
    """Handle an HTTP request."""
    logs.restore()
    # The framework calls a response as an ASGI application, so any application will do.
    try:
        return cast(Response, parts.api)
    except InvalidSetting as error:
        from quickthumb.api.refusals import refusal

        logs.during(request.headers.get("function-execution-id"))
        with tracing.span("upload", tracing.of_request(request.headers), SpanKind.SERVER):
            log.error("invalid configuration: %s", error)
        return refusal(error)


@functions_framework.cloud_event
def resize(event: CloudEvent) -> None:
    """Handle a job delivered by a push subscription or Eventarc."""
    from quickthumb.resize import resize as do_resize

    message = _message(event)
    with tracing.span("resize", tracing.of_message(message.attributes), SpanKind.CONSUMER):
        do_resize(message, parts.store, parts.completed, parts.settings, parts.kitchen)


@functions_framework.cloud_event
def bury(event: CloudEvent) -> None:
    """Handle a dead letter delivered by a push subscription or Eventarc."""
    from quickthumb.bury import bury as do_bury

    message = _message(event)
    with tracing.span("bury", tracing.of_message(message.attributes), SpanKind.CONSUMER):
        do_bury(message, parts.store, parts.completed, parts.settings.public_url)


@functions_framework.http
def sweep(request: flask.Request) -> flask.Response:
    """Handle a call by a schedule, or by someone who sweeps manually."""
    from quickthumb.sweep import sweep as do_sweep
    from quickthumb.sweep import sweep_on
    from quickthumb.sweeping.options import SweepOptions
    from quickthumb.sweeping.sweeper import Sweeper

    private.entered()
    settings = parts.settings
    options = SweepOptions.read(request.args, settings.sweep_seconds)
    sweeper = Sweeper(
        *(parts.store, parts.uploads, parts.completed, settings.policy, settings.menu.standard),
        *(options.first_after_seconds, options.dry_run),
        service=settings.public_url,
    )
    if options.start is None:
        report = sweep_on(sweeper, settings.sweep_seconds, settings.sweep_walk_seconds)
    else:
        report = do_sweep(sweeper, options.start, options.seconds)
    log.info("swept: %s", report)
    return flask.jsonify(asdict(report))


def _message(event: CloudEvent) -> "Message":
    from quickthumb.messaging import delivered

    # The framework turns a plain push request into an event and loses the delivery attempt, so
    # read the request itself.
    body = flask.request.get_json(silent=True)
    pushed = isinstance(body, dict) and "message" in body
    message = delivered(body if pushed else event.data)
    private.entered()
    return message


if flask.has_app_context():  # as set up by the framework
    # `bury` has no dead-letter topic: what it cannot read would be redelivered forever.
    private.protect(
        flask.current_app, lambda: parts.callers, is_last=flask.current_app.name == "bury"
    )
if os.environ.get("FUNCTION_TARGET") == "upload":  # set by the framework, however it was started
    from quickthumb.api import wire  # imports a server that the other functions lack

    wire.install()

# What is loaded so far stays, so garbage collections need not look through it, during startup and
# after; and the server's processes go on sharing its memory.
gc.freeze()
