"""Open-loop load: pictures are sent when they are due, however long the answers take.

A closed loop sends the next picture when the answer to the last one is there. When the service
slows down, so does the loop: it leaves out the very pictures that would have waited longest, and
the percentiles look good ("coordinated omission"). Users do not wait for each other, so here the
times are drawn beforehand, and every latency counts from the time at which the picture was due. See
https://www.usenix.org/conference/nsdi-06/open-versus-closed-cautionary-tale.

Every upload is followed to its thumbnails, by a thread of its own. The number in flight is limited;
pictures that are due beyond it are not sent, and counted.
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
from itertools import accumulate, cycle
from pathlib import Path
from queue import SimpleQueue
from time import monotonic

from emulator.client import INTERRUPTED, Client, Failed

_GRACE = 5.0  # seconds beyond the patience, until what is in flight is given up
_DELETED_AT_ONCE = 8
_FAILURES = 8  # deletions, after which no more are tried
_BATCH = 1000  # deletions planned at a time


def arrivals(rate: float, seconds: float, seed: int = 0) -> Iterator[float]:
    """Return when pictures are due: a Poisson process, as of users who know nothing of each other.

    It is the one with the number of pictures that is expected, so that the rate is exact: gaps are
    drawn, and scaled to the time.

    Args:
        rate: a second.
        seconds: how long.
        seed: the same one gives the same times, so that two runs can be compared.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    count = max(1, round(rate * seconds))
    gaps = array("d", (chance.expovariate(1) for _ in range(count + 1)))
    scale = seconds / sum(gaps)
    return (due * scale for due in accumulate(gaps[:count]))


def dispatch(
    due: Iterable[float],
    send: Callable[[float], None],
    pause: Callable[[float], bool],
    clock: Callable[[], float] = monotonic,
) -> None:
    """Call `send` at each time, with that time; at once for those that have passed.

    Args:
        due: seconds from now, in order.
        send: gets the time that was due, on the clock.
        pause: waits for seconds, 0 or more; returns whether to stop.
        clock: seconds.
    """
    start = clock()
    for at in due:
        if pause(max(0.0, start + at - clock())):
            return
        send(start + at)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that is not below such a share of all (nearest rank).

    Args:
        ordered: all values, sorted; at least one.
        share: 0 to 1.
    """
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass
class Tally:
    """What happened so far.

    Attributes:
        sent: pictures.
        unsent: pictures that were due while too many were in flight.
        in_flight: pictures that are being sent, or wait for their thumbnails.
        interrupted: pictures that were not followed to the end.
        refused: answers that say when to try again: 429 and 503 with `Retry-After`.
        failures: other uploads without thumbnails, by code.
        reasons: the first one of each code, also of those refused, with the name of the picture.
        ids: of the uploads that were accepted.
        late: seconds from due to the start of sending, of each that was sent.
        answered: seconds from due to the answer, of each that was accepted.
        done: seconds from due to the thumbnails, of each that has them.
        done_due: when each of those was due, seconds from the start.
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
        pictures: in turn.
        options: of their thumbnails.
        rate: pictures a second.
        seconds: how long.
        at_once: in flight, at most.
        patience: seconds from due after which missing thumbnails are a failure.
    """

    pictures: Sequence[Path]
    options: Mapping[str, str]
    rate: float
    seconds: float
    at_once: int
    patience: float


class Load:
    """A load that runs in threads of its own, from `start` on.

    Attributes:
        tally: what happened so far.
        elapsed: seconds for which pictures were sent; None before the last one.
    """

    def __init__(self, client: Client, plan: Plan) -> None:
        self.tally = Tally()
        self.elapsed: float | None = None
        self._client = client
        self._plan = plan
        self._start = math.nan
        self._threads = 0
        self._queue: SimpleQueue[tuple[float, Path]] = SimpleQueue()
        self._changed = threading.Condition()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to send."""
        due = arrivals(self._plan.rate, self._plan.seconds)  # millions take seconds
        self._start = monotonic()
        threading.Thread(target=self._send_all, args=[due], daemon=True).start()

    def seconds(self) -> float:
        """Return for how long pictures have been sent."""
        return monotonic() - self._start if self.elapsed is None else self.elapsed

    def wait(self, seconds: float) -> bool:
        """Wait for the end, so long at most; return whether it has come.

        It has when the last picture is sent and nothing is in flight any more, or has been for
        longer than the patience allows: a server may answer byte by byte.
        """
        with self._changed:
            return self._changed.wait_for(self._is_over, seconds)

    def stop(self) -> None:
        """Send nothing more, and follow no upload further."""
        self._stopped.set()
        self._client.stop()

    def close(self) -> Tally:
        """Stop, and return what happened; what is still in flight counts as interrupted."""
        self.stop()
        with self._changed:
            tally = deepcopy(self.tally)
        tally.interrupted += tally.in_flight
        return tally

    def _is_over(self) -> bool:
        if self.elapsed is None:
            return False
        end = self._start + self.elapsed + self._plan.patience + _GRACE
        return self.tally.in_flight == 0 or monotonic() > end

    def _send_all(self, due: Iterable[float]) -> None:
        pictures = cycle(self._plan.pictures)
        dispatch(due, lambda at: self._send(at, next(pictures)), self._stopped.wait)
        self._stopped.wait(max(0.0, self._start + self._plan.seconds - monotonic()))
        with self._changed:
            self.elapsed = monotonic() - self._start
            self._changed.notify_all()

    def _send(self, due: float, path: Path) -> None:
        """Give a picture to a thread; to a new one if all are busy."""
        tally = self.tally
        with self._changed:
            if tally.in_flight >= self._plan.at_once:
                tally.unsent += 1
                return
            tally.sent += 1
            tally.in_flight += 1
            is_short = tally.in_flight > self._threads
            self._threads += is_short
        self._queue.put((due, path))
        if is_short:
            threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            due, path = self._queue.get()
            try:
                self._follow(due, path)
            except Failed as failure:
                self._note(failure, path)
            except Exception as error:  # an unreadable file, an answer that makes no sense
                self._note(Failed(str(error), type(error).__name__), path)
            finally:
                with self._changed:
                    self.tally.in_flight -= 1
                    self._changed.notify_all()

    def _follow(self, due: float, path: Path) -> None:
        """Send a picture and wait for its thumbnails."""
        tally, client = self.tally, self._client
        late = monotonic() - due
        with self._changed:
            tally.late.append(late)
        id = client.upload(path, self._plan.options, tries=1)
        answered = monotonic() - due
        with self._changed:
            tally.ids.append(id)
            tally.answered.append(answered)
        client.wait(id, self._plan.patience - answered)
        done = monotonic() - due
        with self._changed:
            tally.done.append(done)
            tally.done_due.append(due - self._start)

    def _note(self, failure: Failed, path: Path) -> None:
        tally = self.tally
        reason = "".join(filter(str.isprintable, f"{path.name}: {failure}"))
        with self._changed:
            if failure.code == INTERRUPTED:
                tally.interrupted += 1
                return
            (tally.refused if failure.is_busy else tally.failures)[failure.code] += 1
            tally.reasons.setdefault(failure.code, reason)


def delete(client: Client, ids: Sequence[str]) -> tuple[int, str]:
    """Delete uploads, until several could not be; return how many are left, and why."""
    failures: list[str] = []

    def is_left(id: str) -> bool:
        if len(failures) >= _FAILURES:
            return True
        try:
            client.delete(id)
        except Failed as failure:
            failures.append(str(failure))
            return True
        return False

    left = 0
    with ThreadPoolExecutor(_DELETED_AT_ONCE) as pool:
        for first in range(0, len(ids), _BATCH):
            left += sum(pool.map(is_left, ids[first : first + _BATCH]))
    return left, failures[0] if failures else ""
