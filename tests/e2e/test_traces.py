"""The trace of an upload, as a collector of OpenTelemetry receives it from real processes."""

import gzip
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from emulator.cloud import Cloud
from emulator.console import Console
from emulator.ports import HOST
from emulator.topology_file import read_topology
from tests.pictures import ROCKET

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Collector(ThreadingHTTPServer):
    """Keeps the spans it is sent, each with the name of its service."""

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Handler)
        self.spans = []

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            [service] = [
                attribute.value.string_value
                for attribute in resource.resource.attributes
                if attribute.key == "service.name"
            ]
            for scope in resource.scope_spans:
                self.server.spans += [(service, span) for span in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def collector():
    with Collector() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def url(tmp_path, monkeypatch, collector):
    """Give the address of a cloud whose functions send their spans to the collector."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")  # milliseconds
    topology = read_topology()
    with Cloud(topology, tmp_path, Console()) as cloud:
        yield cloud.addresses.upload


def test_upload_message_and_resize_are_one_trace(url, collector):
    answer = requests.post(
        url,
        files={"file": ROCKET.read_bytes()},
        headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"},
        timeout=30,
    )
    requests.get(f"{url}/{answer.json()['id']}", params={"wait": 20}, timeout=30)
    expected = {
        ("upload", "upload POST"),
        ("upload", "storage create"),
        ("upload", "publish uploads"),
        ("resize", "resize"),
        ("resize", "make thumbnails"),
        ("resize", "storage write"),
    }
    end = time.monotonic() + 30
    while True:
        ours = [(name, span) for name, span in collector.spans if span.trace_id.hex() == TRACE]
        if expected <= {(service, span.name) for service, span in ours}:
            break
        assert time.monotonic() < end, sorted({(service, span.name) for service, span in ours})
        time.sleep(0.1)
    spans = {span.span_id: span.name for _, span in ours}
    parents = {span.name: spans.get(span.parent_span_id) for _, span in ours}
    assert parents["upload POST"] is None
    assert parents["publish uploads"] == "upload POST"
    assert parents["resize"] == "publish uploads"
    assert parents["make thumbnails"] == "resize"
