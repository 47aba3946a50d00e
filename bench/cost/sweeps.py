"""Measures runs of `sweep` over prepared buckets.

Cloud Storage lists the names of a bucket in pages of 1,000. The function uses a relay that can make
pages smaller and slower, and counts the requests.
"""

import http.client
import io
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from urllib.parse import urlsplit

import requests
from msgspec.structs import replace

from bench.cost import logs
from bench.cost.record import Walk
from bench.cost.uploads import Operations, cpu_seconds, logged, processes_of, request
from emulator.cloud import Cloud
from emulator.console import Console
from emulator.ports import answers
from emulator.project import bucket_name
from emulator.topology import Topology
from emulator.topology_file import read_topology
from quickthumb.documents.job import Job
from quickthumb.documents.manifest import Manifest, Thumbnail
from quickthumb.documents.names import INCOMING, id_of, new_id
from quickthumb.json_api import Client
from quickthumb.options import Menu
from quickthumb.storage import CloudBucket
from quickthumb.store import Store
from tests.relay import Relay, Response

PAGE = 1000
"""Names per page in Cloud Storage: https://docs.cloud.google.com/storage/docs/json_api/v1/objects/list."""

_FILLING = 8  # threads
_DAYS_AGO = 40
_OLD_ENOUGH = 2.0  # minimum age of a picture for the sweep to inspect it, seconds


@dataclass(frozen=True, slots=True)
class Case:
    """A run to measure; `Walk` describes the fields."""

    uploads: int
    brought: int = 0
    page: int = PAGE
    delay: float = 0.0


CASES = (
    Case(0),
    Case(1_000),
    Case(3_000),
    Case(500, brought=500),
    Case(1_000, page=50, delay=0.2),
)
"""No uploads; some pages; pictures of other programs; and a run in several pieces."""


def walks(folder: Path, cases: tuple[Case, ...] = CASES) -> tuple[Walk, ...]:
    """Measure a run for each case, each with its own buckets below `folder`."""
    return tuple(_walk(folder / f"sweep-{n}", case) for n, case in enumerate(cases))


def _walk(data: Path, case: Case) -> Walk:
    log = io.StringIO()
    with _relay(case) as relay:
        cloud = Cloud(_topology(relay.url), data, Console(verbose=True, out=log), log_requests=True)
        relay.target = cloud.addresses.storage
        with cloud:
            _wait_for(cloud.addresses.functions["sweep"])
            _fill(cloud.addresses.storage, case)
            time.sleep(_OLD_ENOUGH)
            _sweep(cloud)  # warm up
            _forget(cloud.addresses.storage)
            processes = processes_of(cloud.pids()["sweep"])
            relay.seen = Operations()
            mark, before = len(log.getvalue()), sum(map(cpu_seconds, processes))
            started = time.monotonic()
            _sweep(cloud)
            seconds = time.monotonic() - started
            cpu = sum(map(cpu_seconds, processes)) - before
            time.sleep(0.5)  # until its line is in the log
            return Walk(
                case.uploads,
                case.brought,
                case.page,
                case.delay,
                relay.seen.class_a,
                relay.seen.class_b,
                round(cpu, 3),
                round(seconds, 3),
                logged(log.getvalue()[mark:], "sweep"),
            )


def _topology(storage_url: str) -> Topology:
    """Return a topology with only `sweep`, which uses the relay and logs as on Cloud Run."""
    topology = read_topology()
    sweep = topology.functions["sweep"]
    own = {
        "STORAGE_EMULATOR_HOST": storage_url,
        "K_SERVICE": "sweep",
        "QUICKTHUMB_SWEEP_AFTER_SECONDS": "1",
    }
    return replace(
        topology,
        functions={"sweep": replace(sweep, environment={**sweep.environment, **own})},
        buckets={name: replace(bucket, notify=None) for name, bucket in topology.buckets.items()},
        subscriptions={},
        schedules={},
    )


def _wait_for(url: str) -> None:
    end = time.monotonic() + 60
    while not answers(urlsplit(url).port or 80):
        if time.monotonic() > end:
            raise RuntimeError("the function sweep did not start")
        time.sleep(0.1)


def _sweep(cloud: Cloud) -> None:
    url, headers = cloud.addresses.functions["sweep"], cloud.authorization("sweep")
    answer = requests.post(url, headers=headers, timeout=290)
    if not answer.ok:
        raise RuntimeError(f"sweep: {answer.status_code}: {answer.text[:500]}")


def _forget(address: str) -> None:
    """Have the next run walk over everything, instead of a day later."""
    CloudBucket(Client(address), bucket_name("processed"), 20).write(
        "sweep/cursor.json", b"{}", "application/json", "no-cache"
    )


def _fill(address: str, case: Case) -> None:
    """Put finished uploads into the buckets, some of them like another program does."""
    client = Client(address)
    buckets = [CloudBucket(client, bucket_name(each), 20) for each in ("originals", "processed")]
    store = Store(buckets[0], buckets[1])
    renditions = Menu((), (256,)).standard
    long_ago = time.time() - _DAYS_AGO * 24 * 3600  # in no walk but that over everything

    def keep(number: int) -> None:
        if number < case.brought:
            name = f"{INCOMING}{number:06}.jpg"
            generation = buckets[0].create(name, b"x", "image/jpeg", {})
            assert generation is not None
            id = id_of(buckets[0].name, name, generation)
            job = Job(id, buckets[0].name, name, generation, renditions, 1, name)
        else:
            job = store.originals.keep(
                new_id(long_ago), b"x", "image/jpeg", "picture.jpg", renditions
            )
        thumbnail = Thumbnail("256", f"{job.id}/256.jpg", "image/jpeg", 1, 1, 1, "")
        manifest = Manifest(job.id, job.name, job.generation, thumbnails=(thumbnail,))
        store.results.put_thumbnails(manifest, [b"x"])
        store.results.put(manifest)

    with ThreadPoolExecutor(_FILLING) as pool:
        list(pool.map(keep, range(case.uploads)))


class _Relay(Relay):
    """Relays requests to storage: limits and delays pages of listings, and counts requests.

    Attributes:
        target: URL of the storage server.
        seen: number of requests by class.
    """

    def __init__(self, case: Case) -> None:
        self.target = ""
        self.seen = Operations()
        self._case = case
        self._lock = threading.Lock()
        self._local = threading.local()
        super().__init__()

    def pass_on(
        self, method: str, path: str, headers: "Message[str, str]", body: bytes
    ) -> Response:
        """Relay a request of the function."""
        listing = request(method, path, 200).is_listing
        asked = f"{path}&maxResults={self._case.page}" if listing else path
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection(
                urlsplit(self.target).netloc, timeout=60
            )
        connection: http.client.HTTPConnection = self._local.connection
        kept = {"Content-Type": kind} if (kind := headers["Content-Type"]) else {}
        connection.request(method, asked, body or None, kept)
        response = connection.getresponse()
        answer = response.read()
        # Empty pages are fast, so only those with names are delayed.
        if self._case.delay and listing and b'"items"' in answer:
            time.sleep(self._case.delay)
        with self._lock:
            self.seen.add(request(method, path, response.status))
        return response.status, [("Content-Type", response.getheader("Content-Type", ""))], answer


@contextmanager
def _relay(case: Case) -> Iterator[_Relay]:
    relay = _Relay(case)
    try:
        yield relay
    finally:
        relay.close()


def run_logged(walk: Walk) -> int:
    """Return the size of the log entries of a run, including those for the request, bytes."""
    return walk.logged + logs.run_request_bytes()
