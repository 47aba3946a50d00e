"""What a trial measures."""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic


@dataclass(frozen=True, slots=True)
class Done:
    """A completed step.

    Attributes:
        name: of the step.
        result: in a few words.
        seconds: duration.
    """

    name: str
    result: str
    seconds: float


@dataclass
class Findings:
    """The results so far.

    Attributes:
        facts: what was tried, with which versions and settings, by name.
        steps: completed steps.
        latencies: durations in seconds, by name of the call.
        sections: further parts of the report: title, and lines of Markdown.
        uploads: number of accepted pictures.
        failure: why the trial ended early; empty if it did not.
    """

    facts: dict[str, str] = field(default_factory=dict)
    steps: list[Done] = field(default_factory=list)
    latencies: dict[str, list[float]] = field(default_factory=dict)
    sections: dict[str, list[str]] = field(default_factory=dict)
    uploads: int = 0
    failure: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def took(self, call: str, seconds: float) -> None:
        """Record the duration of a call; thread-safe."""
        with self._lock:
            self.latencies.setdefault(call, []).append(seconds)

    def accepted(self) -> None:
        """Count an accepted picture; thread-safe."""
        with self._lock:
            self.uploads += 1

    @contextmanager
    def timed(self, call: str) -> Iterator[None]:
        """Record the duration of a block, if it succeeds."""
        started = monotonic()
        yield
        self.took(call, monotonic() - started)


def percentile(values: list[float], share: float) -> float:
    """Return a percentile by nearest rank; the share is 0 to 1."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
