import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace

from quickthumb import tracing

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


def span_of(context):
    return trace.get_current_span(context).get_span_context()


@pytest.mark.parametrize(
    ("headers", "span_id", "sampled"),
    [
        ({"traceparent": PARENT}, int(SPAN, 16), True),
        ({"traceparent": PARENT[:-2] + "00"}, int(SPAN, 16), False),
        ({"x-cloud-trace-context": f"{TRACE}/17;o=1"}, 17, True),
        ({"x-cloud-trace-context": f"{TRACE}/17;o=0"}, 17, False),
        ({"x-cloud-trace-context": f"{TRACE}/17"}, 17, False),
        ({"x-cloud-trace-context": TRACE}, 1, False),
        ({"traceparent": PARENT, "x-cloud-trace-context": "f" * 32}, int(SPAN, 16), True),
    ],
)
def test_the_trace_of_a_request_is_read_from_either_header(headers, span_id, sampled):
    span = span_of(tracing.of_request(headers))
    assert span.trace_id == int(TRACE, 16)
    assert span.span_id == span_id
    assert span.trace_flags.sampled == sampled
    assert span.is_remote


@given(st.text(), st.text())
def test_an_invalid_trace_header_is_ignored(parent, legacy):
    for headers in ({"traceparent": parent}, {"x-cloud-trace-context": legacy}):
        tracing.of_request(headers)


@pytest.mark.parametrize("headers", [{}, {"traceparent": "00-x"}, {"x-cloud-trace-context": "/1"}])
def test_a_request_without_a_trace_starts_none(headers):
    with tracing.span("request", tracing.of_request(headers)):
        assert tracing.to_attributes() == {}


def test_a_message_carries_the_trace_of_its_request_on():
    with tracing.span("request", tracing.of_request({"traceparent": PARENT})):
        attributes = tracing.to_attributes()
    assert attributes == {"traceparent": PARENT}
    assert span_of(tracing.of_message(attributes)).trace_id == int(TRACE, 16)


def test_the_span_of_the_client_library_takes_precedence():
    nearer = PARENT.replace(SPAN, "1" * 16)
    context = tracing.of_message({"traceparent": PARENT, "googclient_traceparent": nearer})
    assert span_of(context).span_id == int("1" * 16, 16)


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_spans_are_recorded_only_where_the_environment_says_where_they_go(env, expected):
    assert (tracing.endpoint(env) is not None) is expected
