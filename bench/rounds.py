"""A round of `bench.pipeline`: uploads pictures to a contestant, and measures."""

import http.client
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from bench.contestants import Running
from bench.figures import percentile
from bench.processes import Processes
from emulator.ports import HOST

BOUNDARY = "a-boundary-that-no-picture-contains"
OFTEN, RARELY = 0.005, 0.05  # seconds between two questions, where an answer does not wait
LAST = 8  # uploads whose thumbnails are awaited before processor time is read
PATIENCE = 120.0  # seconds until an answer or a thumbnail must be there


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Attributes:
        uploads: in a round, for each number of connections.
        awaited: uploads in a round whose thumbnails are awaited one by one.
        at_once: numbers of connections.
        rounds: of each contestant.
    """

    uploads: int
    awaited: int
    at_once: tuple[int, ...]
    rounds: int


@dataclass(frozen=True, slots=True)
class Answered:
    """An upload that was answered.

    Attributes:
        at: when, `perf_counter` seconds.
        id: of its job.
        seconds: that it took.
    """

    at: float
    id: str
    seconds: float


class Client:
    """Sends the same bytes to every contestant.

    Args:
        running: the contestant.
        picture: a JPEG.
    """

    def __init__(self, running: Running, picture: bytes) -> None:
        self._running = running
        head = (
            f"--{BOUNDARY}\r\n"
            'Content-Disposition: form-data; name="file"; filename="picture.jpg"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        )
        self._body = b"".join((head.encode(), picture, f"\r\n--{BOUNDARY}--\r\n".encode()))

    def upload(self, count: int) -> list[Answered]:
        """Upload the picture several times, one after the other, on one connection.

        Raises:
            RuntimeError: an upload was refused.
        """
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        answered = []
        with closing(self._connection()) as connection:
            for _ in range(count):
                started = time.perf_counter()
                connection.request("POST", self._running.upload, self._body, headers)
                answer = connection.getresponse()
                content = answer.read()
                now = time.perf_counter()
                if answer.status != 202:
                    raise RuntimeError(f"An upload was answered {answer.status}: {content!r}")
                answered.append(Answered(now, json.loads(content)["id"], now - started))
        return answered

    def wait(self, ids: Iterable[str], pause: float) -> None:
        """Wait until all these thumbnails are there.

        Args:
            ids: of their jobs.
            pause: between two questions, if the answer does not wait; seconds.

        Raises:
            RuntimeError: there is no thumbnail.
        """
        deadline = time.monotonic() + PATIENCE
        with closing(self._connection()) as connection:
            for id in ids:
                while (status := self._status(connection, id)) != self._running.done:
                    if status == "failed" or time.monotonic() > deadline:
                        raise RuntimeError(f"There is no thumbnail: {id} is {status}")
                    time.sleep(pause)

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(HOST, self._running.port, timeout=PATIENCE)

    def _status(self, connection: http.client.HTTPConnection, id: str) -> str:
        connection.request("GET", f"{self._running.status}{id}{self._running.query}")
        status: str = json.loads(connection.getresponse().read())["status"]
        return status


@dataclass(frozen=True, slots=True)
class Series:
    """Uploads from several connections, whose thumbnails are there.

    Attributes:
        latencies: of the uploads, seconds.
        seconds: from the first upload to the last thumbnail.
        cpu: processor time of each part, seconds.
    """

    latencies: Sequence[float]
    seconds: float
    cpu: Mapping[str, float]


def series(running: Running, client: Client, uploads: int, at_once: int) -> Series:
    """Upload so many pictures from so many connections; wait for the thumbnails."""
    shares = [len(range(n, uploads, at_once)) for n in range(at_once)]
    before, started = _cpu(running), time.time()
    with ThreadPoolExecutor(at_once) as pool:
        answered = [each for share in pool.map(client.upload, shares) for each in share]
    ids = [each.id for each in sorted(answered, key=lambda each: each.at)]
    # Asking takes processor time. Jobs are taken in order, so that with the last ones the others
    # have ended as well; whether they have is asked when that time has been read.
    client.wait(ids[-LAST:], RARELY)
    after = _cpu(running)
    client.wait(ids, RARELY)
    ended = max(file.stat().st_mtime for file in running.thumbnails.rglob("*"))
    used = {part: after[part] - before[part] for part in after}
    return Series([each.seconds for each in answered], ended - started, used)


def measure(running: Running, client: Client, plan: Plan) -> dict[str, float]:
    """Return the figures of a round."""
    figures = {}
    all_series = {n: series(running, client, plan.uploads, n) for n in plan.at_once}
    for percent in (50, 99):
        for at_once, each in all_series.items():
            latency = percentile(each.latencies, percent) * 1e3
            figures[f"upload p{percent}, concurrency {at_once}, ms"] = latency
    for at_once, each in all_series.items():
        figures[f"thumbnails per second, concurrency {at_once}"] = plan.uploads / each.seconds
    waits = [_wait_for_one(client) for _ in range(plan.awaited)]
    figures["upload to thumbnail, ms"] = percentile(waits, 50) * 1e3
    pictures = plan.uploads * len(plan.at_once)
    parts = dict.fromkeys(part for each in all_series.values() for part in each.cpu)
    used = {part: sum(each.cpu[part] for each in all_series.values()) for part in parts}
    figures["CPU per picture, ms"] = sum(used.values()) / pictures * 1e3
    for part, seconds in used.items():
        figures[f"CPU per picture, {part}, ms"] = seconds / pictures * 1e3
    return figures


def _wait_for_one(client: Client) -> float:
    """Upload a picture and wait for its thumbnail; return the seconds of both."""
    started = time.perf_counter()
    (answered,) = client.upload(1)
    client.wait([answered.id], OFTEN)
    return time.perf_counter() - started


def _cpu(running: Running) -> dict[str, float]:
    """Return the processor time of each part so far, seconds; all workers are one part."""
    used: dict[str, float] = defaultdict(float)
    for name, pid in running.pids.items():
        used[name.partition(" ")[0]] += Processes(pid).cpu()
    return used
