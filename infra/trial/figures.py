"""What a trial measures."""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic


@dataclass(frozen=True, slots=True)
class Done:
    """A step that was taken.

    Attributes:
        name: of the step.
        result: in a few words.
        seconds: how long it took.
    """

    name: str
    result: str
    seconds: float


@dataclass
class Findings:
    """All that was measured so far.

    Attributes:
        facts: what was tried, and with what, by name.
        steps: those that were taken.
        latencies: seconds of each call, by its name.
        sections: further parts of the report: title, and lines of Markdown.
        uploads: pictures that were accepted.
        failure: why the trial ended early, empty if it did not.
    """

    facts: dict[str, str] = field(default_factory=dict)
    steps: list[Done] = field(default_factory=list)
    latencies: dict[str, list[float]] = field(default_factory=dict)
    sections: dict[str, list[str]] = field(default_factory=dict)
    uploads: int = 0
    failure: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def took(self, call: str, seconds: float) -> None:
        """Note how long a call took; from any thread."""
        with self._lock:
            self.latencies.setdefault(call, []).append(seconds)

    def accepted(self) -> None:
        """Count a picture that was accepted; from any thread."""
        with self._lock:
            self.uploads += 1

    @contextmanager
    def timed(self, call: str) -> Iterator[None]:
        """Note how long the block took, if it ends well."""
        started = monotonic()
        yield
        self.took(call, monotonic() - started)


def percentile(values: list[float], share: float) -> float:
    """Return the smallest value that is not below such a share of all, 0 to 1 (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
