"""Dollars for a million uploads: `.venv/bin/python -m bench.cost [PICTURE…]`.

Starts the cloud, sends it pictures, and measures what each takes: the CPU time of the functions'
processes, the requests to storage, the bytes of messages and blobs. Multiplied with list prices
(bench/prices.yaml) that is what a million such uploads cost, and what they would cost with a
function for each size, which all have to be called, and to read and decode the original.

Measured here are processors of this machine and an emulator that is near; what Cloud Run's
processors are slower (--slower) and how long a call to another service takes there (--latency) are
assumptions of yours. Cold starts, retries, logs and taxes are left out. Linux only, since it reads
/proc.
"""

import argparse
import io
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests
from google.cloud import pubsub_v1

from bench.cost_model import (
    MILLION,
    Call,
    Cost,
    Instance,
    InvalidPrices,
    Prices,
    cost_of,
    sending,
    storing,
)
from bench.imaging_inputs import encoded, mosaic
from emulator.client import Client
from emulator.cloud import PROJECT, TOPOLOGY, Cloud
from emulator.console import Console
from emulator.topology import Function, Topology

PRICES = Path(__file__).with_name("prices.yaml")
SETTINGS: tuple[Mapping[str, str], ...] = (
    {"sizes": "256"},
    {"sizes": "256,1024"},
    {"sizes": "128,256,512,1024"},
    {"sizes": "256", "format": "webp"},
    {"sizes": "256", "format": "avif"},
    {"sizes": "256,1024", "format": "avif"},
)
_PATIENCE = 120.0  # seconds for a round of jobs
_QUIET = 0.3  # seconds without a new line after which a log is taken to be complete
_REQUEST = re.compile(r'\\"(GET|POST|PUT|PATCH|DELETE) (/\S*) HTTP')


@dataclass(frozen=True, slots=True)
class Taken:
    """What an upload with its thumbnails took.

    Attributes:
        upload: the request that sent it.
        resize: the request that made all thumbnails.
        original: bytes.
        thumbnails: bytes of all together.
        view: the request that fetches one thumbnail.
        largest: bytes of the largest thumbnail.
    """

    upload: Call
    resize: Call
    original: int
    thumbnails: int
    view: Call
    largest: int


class Meter:
    """A cloud, and what it takes from one moment to the next.

    Args:
        cloud: running.
        log: where its console writes, every line of every part.
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

    def taken(self, picture: Path, options: Mapping[str, str], rounds: int) -> Taken:
        """Send a picture several times; return what each took on average.

        Raises:
            RuntimeError: a job failed or did not end.
        """
        uploading, resizing = self._cpu("upload"), self._cpu("resize")
        mark = self._mark()
        ids = [self._client.upload(picture, options) for _ in range(rounds)]
        upload_cpu = self._cpu("upload") - uploading
        jobs = self._sizes("uploads", rounds)
        events = self._sizes("completed", rounds)
        resize_cpu = self._cpu("resize") - resizing
        end = self._mark()
        # Only `upload` writes originals; the rest was `resize`, for nobody has asked for a status.
        written, others = Counter[str](), Counter[str]()
        for kind, path in requests_in(self._log.getvalue()[mark:end]):
            (written if "-originals/" in path and kind == "a" else others)[kind] += 1
        document = self._client.wait(ids[0], _PATIENCE)
        weights = [entry["bytes"] for entry in document["thumbnails"].values()]
        return Taken(
            Call(upload_cpu / rounds, class_a=written["a"] / rounds, published=[jobs]),
            Call(
                resize_cpu / rounds,
                class_a=others["a"] / rounds,
                class_b=others["b"] / rounds,
                published=[events],
                delivered=jobs,
            ),
            picture.stat().st_size,
            sum(weights),
            self._view(document, rounds),
            max(weights),
        )

    def memory(self, function: str) -> int:
        """Return the most bytes that the processes of a function held so far, added up."""
        statuses = [(process / "status").read_text() for process in self._processes(function)]
        return sum(int(kib) * 1024 for kib in re.findall(r"VmHWM:\s+(\d+) kB", "".join(statuses)))

    def _view(self, document: Mapping[str, dict[str, dict[str, str]]], rounds: int) -> Call:
        [href, *_] = [entry["href"] for entry in document["thumbnails"].values()]
        url = f"{self._cloud.addresses.upload}{href}"
        mark, before = self._mark(), self._cpu("upload")
        with requests.Session() as session:
            for _ in range(rounds):
                session.get(url, timeout=20).raise_for_status()
        cpu = self._cpu("upload") - before
        end = self._mark()
        found = Counter(kind for kind, _ in requests_in(self._log.getvalue()[mark:end]))
        return Call(cpu / rounds, found["a"] / rounds, found["b"] / rounds)

    def _mark(self) -> int:
        """Return how long the log is, once all that has happened is in it."""
        length = -1
        while length != (length := len(self._log.getvalue())):
            time.sleep(_QUIET)
        return length

    def _sizes(self, topic: str, count: int) -> int:
        """Wait for messages; return how many bytes one is billed for on average.

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
        """Return the CPU time of a function's processes so far, seconds."""
        ticks = 0
        for process in self._processes(function):
            after_name = (process / "stat").read_text().rpartition(")")[2].split()
            ticks += int(after_name[11]) + int(after_name[12])  # user and system, see proc(5)
        return ticks / os.sysconf("SC_CLK_TCK")

    def _processes(self, function: str) -> Iterator[Path]:
        """Walk over the processes of a function: those of the session that it was started in."""
        leader = self._cloud.pids()[function]
        for process in Path("/proc").glob("[0-9]*"):
            try:
                after_name = (process / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended meanwhile
                continue
            if int(after_name[3]) == leader:
                yield process


def requests_in(log: str) -> Iterator[tuple[str, str]]:
    """Walk over the requests in the log of fake-gcs-server: class `a`, `b` or `free`, and path.

    See https://cloud.google.com/storage/pricing#operations-by-class. A resumable upload counts
    once, when it begins.
    """
    for method, path in _REQUEST.findall(log):
        listing = method == "GET" and re.search(r"/o/?(\?|$)", path)
        if method == "DELETE" or "upload_id=" in path:
            yield "free", path
        elif method == "GET" and not listing:
            yield "b", path
        else:
            yield "a", path


def pictures() -> Iterator[tuple[str, bytes]]:
    """Yield the pictures that are measured when none is named."""
    yield "small.jpg", encoded(mosaic(640, 480), "JPEG", quality=85)
    yield "photo-3mp.jpg", encoded(mosaic(2000, 1500), "JPEG", quality=88)
    yield "photo-12mp.jpg", encoded(mosaic(4000, 3000), "JPEG", quality=90)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print a table for each picture."""
    parser = argparse.ArgumentParser(
        prog="python3 -m bench.cost",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("pictures", nargs="*", type=Path, metavar="PICTURE")
    parser.add_argument("--prices", type=Path, default=PRICES, metavar="FILE")
    parser.add_argument("--rounds", type=int, default=5, help="default %(default)s")
    parser.add_argument(
        "--latency",
        type=float,
        default=0.04,
        metavar="SECONDS",
        help="of a call to storage or Pub/Sub in the cloud; assumed %(default)s",
    )
    parser.add_argument(
        "--slower",
        type=float,
        default=1.0,
        metavar="FACTOR",
        help="of Cloud Run's processor, against this one; assumed %(default)s",
    )
    parser.add_argument(
        "--at-once",
        type=float,
        default=1.0,
        metavar="REQUESTS",
        help="that share an instance of upload on average; assumed %(default)s, the dearest",
    )
    args = parser.parse_args(argv)
    try:
        prices = Prices.load(args.prices)
    except InvalidPrices as error:
        print(error, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="quickthumb-") as folder:
        files = args.pictures
        if not files:
            files = [Path(folder) / name for name, _ in pictures()]
            for file, (_, data) in zip(files, pictures(), strict=True):
                file.write_bytes(data)
        _measure(files, Path(folder) / "data", prices, args)
    return 0


def _measure(files: Sequence[Path], data: Path, prices: Prices, args: argparse.Namespace) -> None:
    topology = Topology.load(TOPOLOGY)
    upload = _instance(topology.functions["upload"], args.at_once)
    resize = _instance(topology.functions["resize"], 1.0)
    log = io.StringIO()
    console = Console(["storage"], verbose=True, out=log)
    print(
        "US dollars for a million uploads, each picture and setting measured in "
        f"{args.rounds} uploads.\nAssumed: {args.latency * 1000:g} ms for each call to storage or "
        f"Pub/Sub, processors {args.slower:g} times as slow as these, {args.at_once:g} request(s) "
        f"at once\nin an instance of upload. Prices: {args.prices.name}."
    )
    with Cloud(topology, data, console) as cloud:
        meter = Meter(cloud, log)
        for file in files:
            meter.taken(file, SETTINGS[-1], 1)  # what is only needed the first time
            measured = Measured(meter, file, args.rounds)
            size = file.stat().st_size
            print(f"\n{file.name}, {size / 1e6:.2f} MB")
            print(_row(_HEAD))
            for options in SETTINGS:
                taken = measured[options]
                kinds = {"latency": args.latency, "slower": args.slower}
                sent = cost_of(taken.upload, upload, prices, **kinds)
                made = cost_of(taken.resize, resize, prices, **kinds)
                apart = sent
                for each in options["sizes"].split(","):
                    alone = measured[{**options, "sizes": each}]
                    apart += cost_of(alone.resize, resize, prices, **kinds)
                print(_row(_cells(options, taken, sent, made, apart)))
            _print_rest(taken, upload, prices, kinds)
        for name in ("upload", "resize"):
            granted = topology.functions[name].memory
            print(
                f"\nmemory of {name}: {meter.memory(name) / 1e6:.0f} MB at most; "
                f"{granted / 1e6:.0f} MB are granted and paid for",
                end="",
            )
    print()


class Measured(dict[str, Taken]):
    """What a picture takes with each options, each measured once."""

    def __init__(self, meter: Meter, file: Path, rounds: int) -> None:
        super().__init__()
        self._arguments = meter, file, rounds

    def __getitem__(self, options: Mapping[str, str]) -> Taken:  # type: ignore[override]
        meter, file, rounds = self._arguments
        key = repr(sorted(options.items()))
        if key not in self:
            self[key] = meter.taken(file, options, rounds)
        return super().__getitem__(key)


def _instance(function: Function, at_once: float) -> Instance:
    return Instance(function.cpu, function.memory, at_once)


_HEAD = (
    "sizes, format",
    "CPU up",
    "CPU res",
    "thumbs",
    "upload",
    "resize",
    "requests",
    "Pub/Sub",
    "storage ops",
    "in all",
    "per size",
)


def _cells(
    options: Mapping[str, str], taken: Taken, sent: Cost, made: Cost, apart: Cost
) -> tuple[str, ...]:
    both = sent + made
    money = (sent.instances, made.instances, both.requests, both.messages, both.operations)
    return (
        " ".join(options.values()),
        f"{taken.upload.cpu_seconds * 1000:.0f} ms",
        f"{taken.resize.cpu_seconds * 1000:.0f} ms",
        f"{taken.thumbnails / 1000:.0f} kB",
        *(f"{each * MILLION:.2f}" for each in (*money, both.total)),
        f"{apart.total * MILLION:.2f} ({apart.total / both.total:.1f}x)",
    )


def _row(cells: Sequence[str]) -> str:
    first, *others = cells
    return f"{first:22}" + "".join(f"{cell:>14}" for cell in others)


def _print_rest(taken: Taken, upload: Instance, prices: Prices, kinds: Mapping[str, float]) -> None:
    """Print what is paid for beside making thumbnails, for the last of the settings."""
    view = cost_of(taken.view, upload, prices, **kinds)
    originals, thumbnails, internet = (
        f"{each * MILLION:.2f}"
        for each in (
            storing(taken.original, prices),
            storing(taken.thumbnails, prices),
            sending(taken.largest, prices),
        )
    )
    print(
        f"kept a month: originals {originals}, thumbnails {thumbnails}; a million views of the "
        f"largest thumbnail: {view.total * MILLION:.2f}, and {internet} for the way to the internet"
    )


if __name__ == "__main__":
    sys.exit(main())
