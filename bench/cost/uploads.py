"""Measures uploads in the whole emulated cloud. Linux only, since it reads /proc."""

import io
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests
from google.cloud import pubsub_v1

from bench.cost import logs
from bench.cost.calls import Call
from bench.cost.record import Picture, Taken
from bench.imaging_inputs import encoded, mosaic
from bench.processes import Processes
from emulator.client import Client
from emulator.cloud import Cloud
from emulator.project import PROJECT, bucket_name

_PATIENCE = 120.0  # seconds for a round of jobs
_QUIET = 0.3  # seconds without a new line after which a log counts as complete
_REQUEST = re.compile(r'\\"(GET|POST|PUT|PATCH|DELETE) (/\S*) HTTP/1\.1\\" ([0-9]{3})')
_TRACE = {"X-Cloud-Trace-Context": "0af7651916cd43dd8448eb211c80319c/1;o=1"}
"""Headers that Cloud Run adds to a request, so that log lines contain the trace."""


class Meter:
    """Measures the resources that a cloud uses.

    Args:
        cloud: running, with `K_SERVICE` set, so that it logs as on Cloud Run.
        log: the log of all of its parts.
    """

    def __init__(self, cloud: Cloud, log: io.StringIO) -> None:
        self._cloud = cloud
        self._log = log
        self._client = Client(cloud.addresses.upload)
        os.environ["PUBSUB_EMULATOR_HOST"] = cloud.addresses.pubsub
        self._subscriber = pubsub_v1.SubscriberClient()
        for topic in ("uploads", "completed"):
            self._subscriber.create_subscription(
                name=self._path(topic), topic=f"projects/{PROJECT}/topics/{topic}", timeout=20
            )

    def picture(self, file: Path, settings: Sequence[Mapping[str, str]], rounds: int) -> Picture:
        """Measure a picture with each of the settings, and with each of their sizes separately.

        Raises:
            RuntimeError: a job failed or did not end.
        """
        self._taken(file, settings[-1], 1)  # warm up
        wanted = list(settings)
        for options in settings:
            for size in options["sizes"].split(","):
                if (alone := {**options, "sizes": size}) not in wanted:
                    wanted.append(alone)
        taken = tuple(self._taken(file, options, rounds) for options in wanted)
        return Picture(file.name, file.stat().st_size, taken)

    def memory(self, function: str) -> int:
        """Return the total of the peak memory of a function's processes, bytes."""
        statuses = [(process / "status").read_text() for process in self._processes(function)]
        return sum(int(kib) * 1024 for kib in re.findall(r"VmHWM:\s+(\d+) kB", "".join(statuses)))

    def _taken(self, file: Path, options: Mapping[str, str], rounds: int) -> Taken:
        """Send a picture several times; return the average."""
        uploading, resizing = self._cpu("upload"), self._cpu("resize")
        mark = self._mark()
        ids = [self._send(file, options) for _ in range(rounds)]
        upload_cpu = self._cpu("upload") - uploading
        jobs = self._sizes("uploads", rounds)
        events = self._sizes("completed", rounds)
        resize_cpu = self._cpu("resize") - resizing
        end = self._mark()
        seen = self._log.getvalue()[mark:end]
        # Only `upload` writes originals. All else is from `resize`, as no status was requested.
        of_upload, of_resize = Operations(), Operations()
        for request in requests_in(seen):
            writes_original = request.kind == "a" and "-originals/" in request.path
            (of_upload if writes_original else of_resize).add(request)
        document = self._client.wait(ids[0], _PATIENCE)
        weights = [entry["bytes"] for entry in document["thumbnails"].values()]
        return Taken(
            dict(options),
            Call(
                upload_cpu / rounds,
                *of_upload.each(rounds),
                published=(jobs,),
                logged=logged(seen, "upload") / rounds + logs.upload_request_bytes(),
            ),
            Call(
                resize_cpu / rounds,
                *of_resize.each(rounds),
                together=len(weights) - 1,  # it writes all thumbnails at once
                published=(events,),
                delivered=jobs,
                logged=logged(seen, "resize") / rounds + logs.push_request_bytes(),
            ),
            sum(weights),
            self._manifest(ids[0]),
            len(weights) + 1,  # and the manifest
            self._view(document, rounds),
            max(weights),
        )

    def _manifest(self, id: str) -> int:
        """Return the size of the manifest of an upload, bytes."""
        bucket = bucket_name("processed")
        url = f"{self._cloud.addresses.storage}/storage/v1/b/{bucket}/o/{id}%2Fmanifest.json"
        answer = requests.get(url, timeout=20)
        answer.raise_for_status()
        return int(answer.json()["size"])

    def _send(self, file: Path, options: Mapping[str, str]) -> str:
        answer = requests.post(
            self._cloud.addresses.upload,
            data=options,
            files={"file": (file.name, file.read_bytes())},
            headers=_TRACE,
            timeout=60,
        )
        if answer.status_code != 202:
            raise RuntimeError(f"{file}: {answer.status_code}: {answer.text[:500]}")
        return str(answer.json()["id"])

    def _view(self, document: Mapping[str, dict[str, dict[str, str]]], rounds: int) -> Call:
        [href, *_] = [entry["href"] for entry in document["thumbnails"].values()]
        url = f"{self._cloud.addresses.upload}{href}"
        mark, before = self._mark(), self._cpu("upload")
        with requests.Session() as session:
            for _ in range(rounds):
                session.get(url, timeout=20).raise_for_status()
        cpu = self._cpu("upload") - before
        end = self._mark()
        seen = self._log.getvalue()[mark:end]
        found = Operations()
        for request in requests_in(seen):
            found.add(request)
        return Call(
            cpu / rounds,
            *found.each(rounds),
            logged=logged(seen, "upload") / rounds + logs.upload_request_bytes(),
        )

    def _mark(self) -> int:
        """Return the length of the log, once it is complete."""
        length = -1
        while length != (length := len(self._log.getvalue())):
            time.sleep(_QUIET)
        return length

    def _sizes(self, topic: str, count: int) -> int:
        """Wait for messages; return the average billed size, bytes.

        See https://cloud.google.com/pubsub/pricing for what counts.
        """
        sizes: list[int] = []
        end = time.monotonic() + _PATIENCE
        while len(sizes) < count:
            if time.monotonic() > end:
                raise RuntimeError(f"{count - len(sizes)} of {count} messages of {topic} are late")
            answer = self._subscriber.pull(
                subscription=self._path(topic), max_messages=count, timeout=20
            )
            for received in answer.received_messages:
                message = received.message
                if message.attributes.get("state", "done") != "done":
                    raise RuntimeError(f"a job failed: {message.data.decode()}")
                attributes = sum(len(k) + len(v) for k, v in message.attributes.items())
                sizes.append(len(message.data) + attributes + 20 + len(message.message_id))
            self._subscriber.acknowledge(
                subscription=self._path(topic),
                ack_ids=[received.ack_id for received in answer.received_messages],
                timeout=20,
            )
        return sum(sizes) // len(sizes)

    def _path(self, topic: str) -> str:
        return f"projects/{PROJECT}/subscriptions/meter-{topic}"

    def _cpu(self, function: str) -> float:
        return sum(map(cpu_seconds, self._processes(function)))

    def _processes(self, function: str) -> list[Path]:
        return processes_of(self._cloud.pids()[function])


def processes_of(leader: int | None) -> list[Path]:
    """Return the folders in /proc of a process and all its descendants, such as decoders."""
    return [Path(f"/proc/{pid}") for pid in Processes(leader).all()] if leader else []


def cpu_seconds(process: Path) -> float:
    """Return the CPU time of a process so far, seconds; see proc(5)."""
    after_name = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")  # user, system


@dataclass(frozen=True, slots=True)
class Request:
    """A request to Cloud Storage.

    Attributes:
        kind: its class, `a` or `b`; `free` if it is not charged.
        path: including the query.
        is_listing: whether it lists names.
    """

    kind: str
    path: str
    is_listing: bool


def request(method: str, path: str, status: int) -> Request:
    """Classify a request by how it is charged.

    See https://cloud.google.com/storage/pricing#operations-by-class. A resumable upload counts
    once, when it begins; failed requests are free.
    """
    listing = method == "GET" and re.search(r"/o/?(\?|$)", path) is not None
    if method == "DELETE" or "upload_id=" in path or status >= 400:
        return Request("free", path, listing)
    return Request("b" if method == "GET" and not listing else "a", path, listing)


def requests_in(log: str) -> Iterator[Request]:
    """Yield the requests in the log of fake-gcs-server."""
    for method, path, status in _REQUEST.findall(log):
        yield request(method, path, int(status))


@dataclass
class Operations:
    """Counts requests by class."""

    class_a: int = 0
    class_b: int = 0
    calls: int = 0

    def add(self, request: Request) -> None:
        """Count a request."""
        self.class_a += request.kind == "a"
        self.class_b += request.kind == "b"
        # google-cloud-storage requests the bucket itself now and then, in the background.
        self.calls += re.search(r"/b/[^/?]+(\?|$)", request.path) is None

    def each(self, rounds: int) -> tuple[float, float, float]:
        """Return the averages for the fields `class_a`, `class_b` and `calls` of a `Call`."""
        return self.class_a / rounds, self.class_b / rounds, self.calls / rounds


def logged(log: str, function: str) -> int:
    """Return the size of the entries in Cloud Logging for the lines of a function, bytes."""
    lines = re.findall(rf"^{function} *\| (\{{.*)$", log, re.MULTILINE)
    return sum(logs.line_bytes(line, function) for line in lines)


def pictures() -> Iterator[tuple[str, bytes]]:
    """Yield the pictures that are measured by default."""
    yield "small.jpg", encoded(mosaic(640, 480), "JPEG", quality=85)
    yield "photo-3mp.jpg", encoded(mosaic(2000, 1500), "JPEG", quality=88)
    yield "photo-12mp.jpg", encoded(mosaic(4000, 3000), "JPEG", quality=90)
