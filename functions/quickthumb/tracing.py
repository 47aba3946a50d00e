"""Traces: the context of a request or message, and its propagation to the next function.

The caller's trace is always propagated, so that the log lines of all functions share it. Spans are
recorded only if OpenTelemetry's variables name an endpoint
(https://opentelemetry.io/docs/specs/otel/protocol/exporter/).
"""

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.context import Context, get_current
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()

_GOOGLES_ENDPOINT = "telemetry.googleapis.com"

# https://docs.cloud.google.com/trace/docs/trace-context#legacy-http-header
_LEGACY_HEADER = re.compile(r"([0-9a-fA-F]{32})(?:/([0-9]{1,20}))?(?:;o=([01]))?")


def configure(env: Mapping[str, str]) -> None:
    """Record and export spans, if the environment names an endpoint.

    Args:
        env: the environment; the SDK reads it as well.
    """
    target = endpoint(env)
    if target is None:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = env.get("OTEL_SERVICE_NAME") or env.get("K_SERVICE") or env.get("FUNCTION_TARGET", "")
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(session=_session(target))))
    trace.set_tracer_provider(provider)


def endpoint(env: Mapping[str, str]) -> str | None:
    """Return where spans are sent, None if they are not recorded."""
    if env.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    return env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or env.get("OTEL_EXPORTER_OTLP_ENDPOINT")


def _session(endpoint: str) -> Any:
    """Return an authorized session for Google's own endpoint; None for others."""
    if urlsplit(endpoint).hostname != _GOOGLES_ENDPOINT:
        return None
    import google.auth
    from google.auth.transport.requests import AuthorizedSession

    credentials, _ = google.auth.default()
    return AuthorizedSession(credentials)  # type: ignore[no-untyped-call]


def of_request(headers: Mapping[str, str]) -> Context:
    """Return the trace context of a request; empty if it has none.

    Args:
        headers: with lowercase names; `traceparent` (W3C), or else Google's legacy header.
    """
    if "traceparent" in headers:
        return _PROPAGATOR.extract({"traceparent": headers["traceparent"]}, Context())
    match = _LEGACY_HEADER.fullmatch(headers.get("x-cloud-trace-context", ""))
    if match is None:
        return Context()
    parent = SpanContext(
        int(match[1], 16),
        # A trace without a span is continued too, with any nonzero span id.
        int(match[2] or 0) % 2**64 or 1,
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED if match[3] == "1" else TraceFlags.DEFAULT),
    )
    return trace.set_span_in_context(NonRecordingSpan(parent), Context())


def of_message(attributes: Mapping[str, str]) -> Context:
    """Return the trace context of a message; that of its push request if it has none.

    google-cloud-pubsub, with which other programs publish, adds an attribute of its own.
    """
    value = attributes.get("googclient_traceparent") or attributes.get("traceparent", "")
    return _PROPAGATOR.extract({"traceparent": value}, get_current())


def to_attributes() -> dict[str, str]:
    """Return the message attributes that propagate the current trace; empty without one."""
    attributes: dict[str, str] = {}
    _PROPAGATOR.inject(attributes)
    return {name: text for name, text in attributes.items() if name == "traceparent"}


def span(
    name: str,
    context: Context | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    **attributes: str | int,
) -> AbstractContextManager[Span]:
    """Record a block as a span of the current trace, or of `context`."""
    return trace.get_tracer("quickthumb").start_as_current_span(
        name, context, kind, attributes=attributes
    )
