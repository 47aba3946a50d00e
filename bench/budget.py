"""Where the time of a thumbnail goes: `.venv/bin/python -m bench.budget`.

Starts a cloud and sends it JPEGs of about 0.8 MB, eight at once. Prints the processor time that a
picture takes in each process, and how many requests the storage server sees for it. Then it sends
some one after the other, with spans recorded, and prints how long each hop takes. Last, it starts
`upload` and `resize` anew and prints how long each needs to its first answer. Linux only.
"""

import argparse
import gzip
import io
import json
import os
import re
import statistics
import sys
import tempfile
import threading
import time
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.cost.uploads import requests_in
from bench.imaging_inputs import photograph
from bench.processes import Processes
from emulator.client import Client
from emulator.cloud import Cloud
from emulator.console import Console
from emulator.parts.functions import function_part
from emulator.ports import HOST, answers, free_port
from emulator.processes import Process
from emulator.project import bucket_name
from emulator.topology_file import read_topology
from quickthumb.documents.job import SCHEMA, Job
from quickthumb.documents.names import new_id
from quickthumb.documents.rendition import Rendition

_PARTS = ("upload", "resize", "storage", "front", "pubsub")
_ENDPOINT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
_WARMING = 16
_PATIENCE = 120.0  # seconds


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print three tables."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.budget", description=__doc__)
    parser.add_argument("--uploads", type=int, default=150, help="default %(default)s")
    parser.add_argument("--starts", type=int, default=5, help="default %(default)s")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="quickthumb-") as folder:
        picture = Path(folder) / "picture.jpg"
        picture.write_bytes(photograph())
        with _cloud(Path(folder) / "plain") as (cloud, _):
            _processors(cloud, picture, options.uploads)
            _starts(cloud, picture.read_bytes(), options.starts)
        with _cloud(Path(folder) / "logged", verbose=True) as (cloud, log):
            _requests(cloud, log, picture)
        with _receiver() as spans, _cloud(Path(folder) / "traced") as (cloud, _):
            _hops(cloud, picture, spans, max(1, options.uploads // 5))
    return 0


@contextmanager
def _cloud(data: Path, *, verbose: bool = False) -> Iterator[tuple[Cloud, io.StringIO]]:
    log = io.StringIO()
    console = Console(verbose=verbose, out=log)
    cloud = Cloud(read_topology(), data, console, log_requests=verbose)
    with cloud:
        yield cloud, log


def _send(client: Client, picture: Path, count: int, at_once: int) -> list[float]:
    """Send a picture several times and wait for the thumbnails; return how long uploads took."""

    def upload(_: int) -> tuple[float, str]:
        started = time.perf_counter()
        id = client.upload(picture, {}, is_repeated=False)
        return time.perf_counter() - started, id

    with ThreadPoolExecutor(at_once) as pool:
        uploads = list(pool.map(upload, range(count)))
        for _, id in uploads[::-1]:  # only the last are asked for: asking takes time too
            client.wait(id, _PATIENCE)
    return [seconds for seconds, _ in uploads]


def _processors(cloud: Cloud, picture: Path, uploads: int) -> None:
    """Print the processor time of each process."""
    client = Client(cloud.addresses.upload)
    _send(client, picture, _WARMING, 8)
    parts = {name: Processes(pid) for name, pid in cloud.pids().items() if name in _PARTS and pid}
    before = {name: part.cpu() for name, part in parts.items()}
    doors = parts["resize"].lasting_cpu()
    started = time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        seconds = list(pool.map(lambda _: _timed(client, picture), range(uploads)))
    _wait_quiet(parts)
    elapsed = time.perf_counter() - started
    used = {name: (part.cpu() - before[name]) / uploads for name, part in parts.items()}
    used["resize, without the kitchen"] = (parts["resize"].lasting_cpu() - doors) / uploads
    print(f"{'process':30} {'ms a picture':>12}")
    for name, each in used.items():
        print(f"{name:30} {each * 1000:12.1f}")
    print(f"{'all':30} {sum(used[name] for name in parts) * 1000:12.1f}")
    print(f"upload p50, 8 at once: {statistics.median(seconds) * 1000:.1f} ms")
    print(f"thumbnails a second: at least {uploads / elapsed:.1f}")
    alone = [_timed(client, picture) for _ in range(uploads // 3)]
    print(f"upload p50, one at a time: {statistics.median(alone) * 1000:.1f} ms", flush=True)


def _timed(client: Client, picture: Path) -> float:
    started = time.perf_counter()
    client.upload(picture, {}, is_repeated=False)
    return time.perf_counter() - started


def _wait_quiet(parts: dict[str, Processes]) -> None:
    """Return when nothing has been working for a moment."""
    last, now = -1.0, 0.0
    while now - last > 0.02:
        time.sleep(0.3)
        last, now = now, sum(part.cpu() for part in parts.values())


def _wait_silent(log: io.StringIO) -> None:
    """Return when nothing has been logged for a while."""
    last = -1
    while last != (last := len(log.getvalue())):
        time.sleep(3)


def _requests(cloud: Cloud, log: io.StringIO, picture: Path) -> None:
    """Print the requests for an upload nobody asks about."""
    client = Client(cloud.addresses.upload)
    for sizes in ("256", "64,128,256,512"):
        client.wait(client.upload(picture, {"sizes": sizes}, is_repeated=False), _PATIENCE)
        _wait_silent(log)
        mark = len(log.getvalue())
        client.upload(picture, {"sizes": sizes}, is_repeated=False)
        _wait_silent(log)
        seen = list(requests_in(log.getvalue()[mark:]))
        print(f"storage requests, {sizes.count(',') + 1} thumbnails: {len(seen)}", flush=True)


def _hops(cloud: Cloud, picture: Path, spans: dict[str, list[float]], uploads: int) -> None:
    """Print how long each hop takes where one picture after the other is sent."""
    client = Client(cloud.addresses.upload)
    _send(client, picture, _WARMING, 1)
    time.sleep(6)  # spans are exported every five seconds
    spans.clear()
    for _ in range(uploads):
        client.upload(picture, {}, is_repeated=False)
        time.sleep(0.2)
    time.sleep(6)
    print(f"{'hop':40} {'a picture':>9} {'p50':>9}")
    for name, seconds in sorted(spans.items(), key=lambda item: -sum(item[1])):
        print(
            f"{name:40} {len(seconds) / uploads:9.1f} {statistics.median(seconds) * 1000:6.1f} ms"
        )


@contextmanager
def _receiver() -> Iterator[dict[str, list[float]]]:
    """Receive the spans of this process's children; give seconds by name."""
    found: dict[str, list[float]] = defaultdict(list)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                service = next(
                    item.value.string_value
                    for item in resource.resource.attributes
                    if item.key == "service.name"
                )
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        seconds = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
                        found[f"{service}: {re.sub('projects/.*/', '', span.name)}"].append(seconds)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ[_ENDPOINT] = f"http://{HOST}:{server.server_port}/v1/traces"
    try:
        yield found
    finally:
        del os.environ[_ENDPOINT]
        server.shutdown()


def _starts(cloud: Cloud, picture: bytes, count: int) -> None:
    """Print how long `upload` and `resize` need from their start to their first answer."""
    form = requests.Request("POST", "http://x/", files={"file": ("a.jpg", picture)}).prepare()
    uploaded = [
        _start(cloud, "upload", "/", {"Content-Type": str(form.headers["Content-Type"])}, form.body)
        for _ in range(count)
    ]
    pushed = []
    for _ in range(count):
        headers = {**cloud.authorization("resize"), "Content-Type": "application/json"}
        pushed.append(_start(cloud, "resize", "/", headers, _push(cloud, picture)))
    for what, starts in (("upload, to first 202", uploaded), ("resize, to first job", pushed)):
        seconds, used = (statistics.median(figures) for figures in zip(*starts, strict=True))
        print(f"{what:30} {seconds:.2f} s, {used:.2f} s of it at work", flush=True)


def _start(
    cloud: Cloud, name: str, path: str, headers: dict[str, str], body: bytes | str | None
) -> tuple[float, float]:
    """Start a function beside the running one.

    Returns:
        Seconds until it has answered, and the CPU time that it used.
    """
    port = free_port()
    urls = {**cloud.addresses.functions, name: f"http://{HOST}:{port}"}
    function = read_topology().functions[name]
    part = function_part(name, function, replace(cloud.addresses, functions=urls), 1, awaited=True)
    process = Process(part, Console(out=io.StringIO()))
    started = time.perf_counter()
    process.start()
    try:
        while not answers(port):
            time.sleep(0.005)
        requests.post(urls[name] + path, body, headers=headers, timeout=60).raise_for_status()
        return time.perf_counter() - started, Processes(process.pid or 0).cpu()
    finally:
        process.ask_to_stop()
        process.wait(10)


def _push(cloud: Cloud, picture: bytes) -> bytes:
    """Store an original; return the push request of its job."""
    id, bucket = new_id(), bucket_name("originals")
    url = f"{cloud.addresses.storage}/upload/storage/v1/b/{bucket}/o?uploadType=media&name={id}"
    stored = requests.post(url, picture, headers={"Content-Type": "image/jpeg"}, timeout=60)
    generation = int(stored.json()["generation"])
    job = Job(id, bucket, id, generation, (Rendition.square(256),), len(picture), "a.jpg")
    message = {
        "data": b64encode(job.to_json()).decode(),
        "attributes": {"schema": SCHEMA},
        "messageId": "1",
    }
    return json.dumps({"message": message, "subscription": "s", "deliveryAttempt": 1}).encode()


if __name__ == "__main__":
    sys.exit(main())
