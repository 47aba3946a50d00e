"""Measures the cost of hostile requests: `.venv/bin/python -m bench.hostile`.

Starts a cloud and attacks the ports of `upload` and `resize` with one kind of request after the
other. Before and during each attack, one process uploads an ordinary picture twenty times a second,
and another requests `/health`.

Prints for each kind: the responses; time and CPU time of a single request; for a picture, the
outcome and duration of its job; then, during the attack, the rate of requests, the peak memory of
the attacked part and of `resize`, the slowest response of `/health`, and the 99th percentile of the
ordinary uploads, also relative to the median of those before the attacks. Fails if a process of a
function has died.
"""

import argparse
import os
import re
import secrets
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import requests

from bench.hostile_files import attack
from bench.hostile_requests import KINDS, PICTURE, Kind
from bench.processes import Processes
from emulator.cloud import Cloud
from emulator.console import Console
from emulator.topology_file import read_topology

_RATE = 20  # ordinary uploads per second
_ALONE = 2  # requests to measure the cost of one


def person(url: str, seconds: float) -> list[float]:
    """Upload an ordinary picture repeatedly; return the latencies, seconds."""
    times = []
    due = time.monotonic()
    end = due + seconds
    with requests.Session() as session:
        while time.monotonic() < end:
            started = time.monotonic()
            answer = session.post(url, files={"file": ("rocket.jpg", PICTURE)}, timeout=60)
            times.append(time.monotonic() - started)
            if answer.status_code != 202:
                raise RuntimeError(f"an ordinary upload was answered with {answer.status_code}")
            due = max(due + 1 / _RATE, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
    return times


def health(url: str, seconds: float) -> float:
    """Request `/health` repeatedly; return the longest latency, seconds."""
    longest = 0.0
    end = time.monotonic() + seconds
    with requests.Session() as session:
        while (started := time.monotonic()) < end:
            session.get(f"{url}/health", timeout=60).raise_for_status()
            longest = max(longest, time.monotonic() - started)
            time.sleep(0.05)
    return longest


def becomes(url: str, data: bytes) -> str:
    """Upload a picture; return how its job ended, and how long that took, seconds."""
    with requests.Session() as session:
        answer = session.post(url, data, timeout=60)
        if answer.status_code != 202:
            return str(answer.json()["code"])
        started = time.monotonic()
        status: dict[str, Any] = {"status": "queued"}
        while status["status"] == "queued":
            status = session.get(f"{url}/{answer.json()['id']}?wait=20", timeout=60).json()
    code = status["error"]["code"] if status["status"] == "failed" else status["status"]
    return f"{code}, {time.monotonic() - started:.1f} s"


def settle(url: str) -> None:
    """Wait until earlier uploads have their thumbnails: jobs are processed in order."""
    with requests.Session() as session:
        id = session.post(url, PICTURE, timeout=60).json()["id"]
        while session.get(f"{url}/{id}?wait=20", timeout=60).json()["status"] == "queued":
            pass


def _p99(times: Sequence[float]) -> float:
    return statistics.quantiles(times, n=100)[98]


class Turns:
    """Schedules requests at a given rate."""

    def __init__(self, per_second: float) -> None:
        self._interval = 1 / per_second
        self._last = 0.0
        self._lock = threading.Lock()

    def next(self) -> float:
        """Return the next free time slot, monotonic seconds."""
        with self._lock:
            self._last = max(self._last + self._interval, time.monotonic())
            return self._last


@contextmanager
def _attackers(kind: Kind, url: str, answers: Counter[str], took: list[float]) -> Iterator[None]:
    """Run attackers in the background."""
    over = threading.Event()

    def attack() -> None:
        while not over.wait(max(0.0, turns.next() - time.monotonic())):
            started = time.monotonic()
            try:
                answers[kind.attack(url)] += 1
            except requests.RequestException as error:
                answers[type(error).__name__] += 1
            took.append(time.monotonic() - started)

    turns = Turns(kind.per_second)
    with ThreadPoolExecutor(kind.at_once) as pool:
        futures = [pool.submit(attack) for _ in range(kind.at_once)]
        try:
            yield
        finally:
            over.set()
    for future in futures:
        future.result()


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table.

    Attributes:
        text: its first columns.
        calm: 99th percentile of ordinary uploads before the attack, seconds.
        meanwhile: that during the attack, seconds.
    """

    text: str
    calm: float
    meanwhile: float


class Died(Exception):
    """A process of a function died."""


def _measure(cloud: Cloud, kind: Kind, people: Executor, seconds: float) -> Line:
    """Measure one kind.

    Raises:
        Died: a process of a function died.
    """
    parts = {name: Processes(pid) for name, pid in cloud.pids().items() if pid is not None}
    part, cook = parts[kind.part], parts["resize"]
    lasting = {name: part.lasting for name, part in parts.items()}
    url = cloud.addresses.upload
    target = cloud.addresses.functions[kind.part]
    if headers := cloud.authorization(kind.part):
        kind = replace(kind, attack=partial(kind.attack, headers=headers))
    settle(url)
    used, started = part.cpu(), time.monotonic()
    for _ in range(_ALONE):
        kind.attack(target)
    used, alone = (part.cpu() - used) / _ALONE, (time.monotonic() - started) / _ALONE
    settle(url)
    became = becomes(url, attack(kind.picture)) if kind.picture else ""
    calm = _p99(people.submit(person, url, seconds).result())
    answers: Counter[str] = Counter()
    sent: list[float] = []
    with part.watched(), cook.watched(), _attackers(kind, target, answers, sent):
        slowest = people.submit(health, url, seconds)
        meanwhile = _p99(people.submit(person, url, seconds).result())
    settle(url)
    for name, pids in lasting.items():
        if parts[name].lasting != pids or cloud.pids()[name] != pids[0]:
            raise Died(f"{kind.name}: a process of {name} has died")
    told = ", ".join(f"{status}" for status, _ in answers.most_common(3))
    text = (
        f"| {kind.name} | {kind.part} | {told} | {used * 1000:.0f} ms | {alone:.2f} s | {became} "
        f"| {len(sent) / seconds:.1f} | {part.peak:.0f} MB | {cook.peak:.0f} MB "
        f"| {slowest.result() * 1000:.0f} ms "
    )
    return Line(text, calm, meanwhile)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.hostile", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="per kind")
    parser.add_argument("--only", default="", help="regular expression of names of kinds")
    parser.add_argument("--attackers", type=int, default=sys.maxsize, help="maximum number")
    args = parser.parse_args(argv)
    kinds = [
        replace(kind, at_once=min(kind.at_once, args.attackers))
        for kind in KINDS
        if re.search(args.only, kind.name)
    ]
    if not kinds:
        parser.error(f"--only {args.only!r}: no kind has a matching name")
    os.environ["QUICKTHUMB_SIGNING_KEYS"] = secrets.token_hex(32)
    with (
        tempfile.TemporaryDirectory(prefix="quickthumb-") as folder,
        Path(os.devnull).open("w") as quiet,
        ProcessPoolExecutor(2, get_context("spawn")) as people,
        Cloud(read_topology(), Path(folder), Console(out=quiet)) as cloud,
    ):
        people.submit(person, cloud.addresses.upload, 3).result()  # warm
        lines = []
        for kind in kinds:
            print(kind.name, file=sys.stderr, flush=True)
            lines.append(_measure(cloud, kind, people, args.seconds))
    # A single one depends on what else the machine happens to do.
    calm = statistics.median(line.calm for line in lines)
    print(f"p99 of ordinary uploads before attacks, median of {len(lines)}: {calm * 1000:.0f} ms\n")
    print(
        "| what | to | responses | CPU | time | job | per second | memory | of `resize` "
        "| `/health` | p99 | times |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for line in lines:
        ratio = line.meanwhile / calm
        print(f"{line.text}| {line.meanwhile * 1000:.0f} ms | {ratio:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
