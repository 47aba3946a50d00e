"""Traces: what a request or message belongs to, passed on to whoever takes the job from here.

The trace of the caller is always carried on, so that the log lines of both functions share it.
Spans are recorded and sent only where OpenTelemetry's own variables say where to (https://opentelemetry.io/docs/specs/otel/protocol/exporter/).
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
    """Record spans and send them, if the environment says where to; else do nothing.

    Args:
        env: the environment; read by the SDK itself as well.
    """
    endpoint = _endpoint(env)
    if endpoint is None:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = env.get("OTEL_SERVICE_NAME") or env.get("K_SERVICE") or env.get("FUNCTION_TARGET", "")
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(session=_session(endpoint))))
    trace.set_tracer_provider(provider)


def is_configured(env: Mapping[str, str]) -> bool:
    """Tell whether spans are recorded."""
    return _endpoint(env) is not None


def _endpoint(env: Mapping[str, str]) -> str | None:
    if env.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    return env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or env.get("OTEL_EXPORTER_OTLP_ENDPOINT")


def _session(endpoint: str) -> Any:
    """Return what authorizes the exporter to Google's own endpoint; None elsewhere."""
    if urlsplit(endpoint).hostname != _GOOGLES_ENDPOINT:
        return None
    import google.auth
    from google.auth.transport.requests import AuthorizedSession

    credentials, _ = google.auth.default()
    return AuthorizedSession(credentials)  # type: ignore[no-untyped-call]


def of_request(headers: Mapping[str, str]) -> Context:
    """Return the trace that a request belongs to, an empty one if it names none.

    Args:
        headers: with names in lower case; `traceparent` (W3C), or else Google's own older form.
    """
    if "traceparent" in headers:
        return _PROPAGATOR.extract({"traceparent": headers["traceparent"]}, Context())
    match = _LEGACY_HEADER.fullmatch(headers.get("x-cloud-trace-context", ""))
    if match is None:
        return Context()
    parent = SpanContext(
        int(match[1], 16),
        # A trace without a span is continued too: any span id that is not zero will do.
        int(match[2] or 0) % 2**64 or 1,
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED if match[3] == "1" else TraceFlags.DEFAULT),
    )
    return trace.set_span_in_context(NonRecordingSpan(parent), Context())


def of_message(attributes: Mapping[str, str]) -> Context:
    """Return the trace that a message belongs to; the current one, of its push, if it names none.

    The client library writes an attribute of its own, after ours, when spans are recorded.
    """
    value = attributes.get("googclient_traceparent") or attributes.get("traceparent", "")
    return _PROPAGATOR.extract({"traceparent": value}, get_current())


def to_attributes() -> dict[str, str]:
    """Return the attributes by which a message carries the current trace on; empty without one."""
    attributes: dict[str, str] = {}
    _PROPAGATOR.inject(attributes)
    return {name: text for name, text in attributes.items() if name == "traceparent"}


def span(
    name: str,
    context: Context | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    **attributes: str | int,
) -> AbstractContextManager[Span]:
    """Record what is done inside as a span of the current trace, or of `context`."""
    return trace.get_tracer("quickthumb").start_as_current_span(
        name, context, kind, attributes=attributes
    )
