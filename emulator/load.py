"""Open-loop load: pictures are sent at predetermined times, however slow the service is.

A closed loop sends the next picture after the previous answer. It slows down with the service and
omits the pictures that would have waited longest, so its percentiles look too good ("coordinated
omission"). Real users do not wait for each other. So here all times are chosen in advance, and each
latency counts from the time when the picture was due. See
https://www.usenix.org/conference/nsdi-06/open-versus-closed-cautionary-tale.

A thread follows each upload until its thumbnails are done. The number of uploads in flight is
limited; pictures due beyond the limit are counted, but not sent.
"""

import math
import random
import threading
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from queue import SimpleQueue
from time import monotonic

from emulator.client import Client, Failed

GRACE = 5.0
"""Seconds after the patience, before uploads in flight are abandoned."""

_DELETED_AT_ONCE = 8
_MAX_FAILURES = 8  # deletions that may fail before the rest is skipped
_BATCH = 1000  # deletions queued at a time, to limit memory


def arrivals(rate: float, seconds: float, seed: int = 1) -> list[float]:
    """Return when pictures are due, in order: a Poisson process, as of independent users.

    Its number of arrivals is fixed, so that the rate is exact. Such a process is equivalent to
    sorted uniform times.

    Args:
        rate: per second.
        seconds: duration.
        seed: runs with the same seed can be compared.
    """
    chance = random.Random(seed)  # noqa: S311 - not a secret
    return sorted(chance.uniform(0, seconds) for _ in range(max(1, round(rate * seconds))))


def paced(
    due: Iterable[float], pause: Callable[[float], bool], clock: Callable[[], float] = monotonic
) -> Iterator[float]:
    """Yield each time on the clock when it comes, or immediately if it has passed.

    Args:
        due: seconds from now, in order.
        pause: waits for some seconds, at least 0; returns whether to stop.
        clock: returns seconds.
    """
    start = clock()
    for at in due:
        if pause(max(0.0, start + at - clock())):
            return
        yield start + at


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that is at least as large as this share of all (nearest rank).

    Args:
        ordered: all values, sorted; at least one.
        share: 0 to 1.
    """
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass
class Tally:
    """What has happened so far.

    Attributes:
        sent: number of pictures.
        unsent: pictures that were due while too many were in flight.
        in_flight: pictures that are being sent or wait for thumbnails.
        interrupted: pictures without thumbnails when the load was stopped.
        refused: number of 429 and 503 answers with `Retry-After`, by code.
        failures: number of other failures, by code.
        reasons: the first reason of each code, refused or failed, with the name of the picture.
        ids: of accepted uploads.
        late: for each picture sent, seconds from due until sending began.
        answered: for each accepted upload, seconds from due until the answer.
        done: for each finished job, seconds from due until the thumbnails.
        done_due: for each finished job, when it was due, seconds from the start.
    """

    sent: int = 0
    unsent: int = 0
    in_flight: int = 0
    interrupted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, str] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    late: "array[float]" = field(default_factory=lambda: array("d"))
    answered: "array[float]" = field(default_factory=lambda: array("d"))
    done: "array[float]" = field(default_factory=lambda: array("d"))
    done_due: "array[float]" = field(default_factory=lambda: array("d"))


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send.

    Attributes:
        pictures: sent in turn.
        options: of the thumbnails.
        rate: pictures per second.
        seconds: duration.
        at_once: maximum number in flight.
        patience: seconds from due after which missing thumbnails are a failure.
    """

    pictures: Sequence[Path]
    options: Mapping[str, str]
    rate: float
    seconds: float
    at_once: int
    patience: float


class Load:
    """A load that runs in threads of its own, counted in `tally`."""

    def __init__(self, client: Client, plan: Plan) -> None:
        self.tally = Tally()
        self._client = client
        self._plan = plan
        self._start = math.nan
        self._end = math.inf  # when sending ended
        self._threads = 0
        self._queue: SimpleQueue[tuple[float, Path]] = SimpleQueue()
        self._changed = threading.Condition()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to send."""
        due = arrivals(self._plan.rate, self._plan.seconds)  # takes seconds for millions
        self._start = monotonic()
        threading.Thread(target=self._send_all, args=[due], daemon=True).start()

    def seconds(self) -> float:
        """Return for how long pictures have been sent."""
        return min(monotonic(), self._end) - self._start

    def wait(self, seconds: float) -> bool:
        """Wait at most this long for the end; return whether it has come.

        The end is when all pictures are sent and none is in flight. Those that take longer than the
        patience are abandoned: a server could answer byte by byte forever.
        """
        with self._changed:
            return self._changed.wait_for(self._is_over, seconds)

    def stop(self) -> None:
        """Stop sending, and stop following uploads."""
        self._stopped.set()
        self._client.stop()

    def close(self) -> Tally:
        """Stop, and return a final tally. Uploads still in flight count as interrupted."""
        self.stop()
        with self._changed:
            tally = deepcopy(self.tally)
        tally.interrupted += tally.in_flight
        return tally

    def _is_over(self) -> bool:
        grace = self._plan.patience + GRACE if self.tally.in_flight else 0.0
        return monotonic() >= self._end + grace

    def _send_all(self, due: Iterable[float]) -> None:
        for at, path in zip(paced(due, self._stopped.wait), cycle(self._plan.pictures)):
            self._send(at, path)
        self._stopped.wait(max(0.0, self._start + self._plan.seconds - monotonic()))
        with self._changed:
            self._end = monotonic()
            self._changed.notify_all()

    def _send(self, due: float, path: Path) -> None:
        """Pass a picture to a thread; start one if all are busy."""
        tally = self.tally
        with self._changed:
            if tally.in_flight >= self._plan.at_once:
                tally.unsent += 1
                return
            tally.sent += 1
            tally.in_flight += 1
            all_busy = tally.in_flight > self._threads
            self._threads += all_busy
        self._queue.put((due, path))
        if all_busy:
            threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            due, path = self._queue.get()
            try:
                self._follow(due, path)
            except Exception as error:  # including unreadable files and unexpected answers
                self._note(error, path)
            with self._changed:
                self.tally.in_flight -= 1
                self._changed.notify_all()

    def _follow(self, due: float, path: Path) -> None:
        """Send a picture and wait for its thumbnails."""
        tally = self.tally
        tally.late.append(monotonic() - due)
        id = self._client.upload(path, self._plan.options, is_repeated=False)
        answered = monotonic() - due
        tally.ids.append(id)
        tally.answered.append(answered)
        self._client.wait(id, self._plan.patience - answered)
        with self._changed:  # both or neither, in the same order
            tally.done.append(monotonic() - due)
            tally.done_due.append(due - self._start)

    def _note(self, error: Exception, path: Path) -> None:
        failure = error if isinstance(error, Failed) else Failed(str(error), type(error).__name__)
        tally, code = self.tally, failure.code
        reason = "".join(filter(str.isprintable, f"{path.name}: {failure}"))
        with self._changed:
            if self._stopped.is_set():
                tally.interrupted += 1
                return
            (tally.refused if failure.is_busy else tally.failures)[code] += 1
            tally.reasons.setdefault(code, reason)


def delete(client: Client, ids: Sequence[str]) -> tuple[int, str]:
    """Delete uploads; give up after several failures. Return how many are left, and why."""
    failures: list[str] = []

    def is_left(id: str) -> bool:
        try:
            if len(failures) < _MAX_FAILURES:
                client.delete(id)
                return False
        except Failed as failure:
            failures.append(str(failure))
        return True

    left = 0
    with ThreadPoolExecutor(_DELETED_AT_ONCE) as pool:
        for first in range(0, len(ids), _BATCH):
            left += sum(pool.map(is_left, ids[first : first + _BATCH]))
    return left, next(iter(failures), "")
