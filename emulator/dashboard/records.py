"""What the flow keeps: functions and their instances, requests, messages, and lives of uploads.

Times are seconds since the epoch.
"""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]

_MOST_ENTRIES = 200  # in a life; then the middle is left out
_MOST_LOG_LINES = 50
_SHORT_LOG = 3  # lines, where many requests are listed
_SHORT_LINE = 300  # characters
_MOST_RECENT = 50


@dataclass(frozen=True)
class Role:
    """A function as the flow needs to know it.

    Attributes:
        trigger: who calls it.
        handles_dead: whether its messages are dead letters.
    """

    trigger: str
    handles_dead: bool = False


@dataclass
class Request:
    """A request to a function.

    Attributes:
        id: unique in this run.
        function: its name.
        instance: number of the instance.
        method: of HTTP.
        path: of the URL.
        began: time.
        message: id of the message that it delivers, if any.
        attempt: of the delivery; None if there is no message.
        subjects: what it is about.
        ended: time; None while it runs.
        seconds: how long it took.
        status: of the answer; None while it runs, or if its process was killed.
        outcome: running, done, failed or killed.
        log: lines.
    """

    id: str
    function: str
    instance: int
    method: str
    path: str
    began: float
    message: str | None = None
    attempt: int | None = None
    subjects: list[str] = field(default_factory=list)
    ended: float | None = None
    seconds: float | None = None
    status: int | None = None
    outcome: str = "running"
    log: deque[str] = field(default_factory=lambda: deque(maxlen=_MOST_LOG_LINES))

    def document(self, *, whole: bool = False) -> dict[str, Any]:
        """Return it as JSON values, with the end of its log, or with all of it."""
        lines = list(self.log)
        if not whole:
            lines = [text[:_SHORT_LINE] for text in lines[-_SHORT_LOG:]]
        milliseconds = None if self.seconds is None else round(self.seconds * 1000, 1)
        return {
            "id": self.id,
            "function": self.function,
            "instance": self.instance,
            "method": self.method,
            "path": self.path,
            "began": self.began,
            "message": self.message,
            "attempt": self.attempt,
            "subject": self.subjects[0] if self.subjects else None,
            "subjects": list(self.subjects),
            "ended": self.ended,
            "milliseconds": milliseconds,
            "status": self.status,
            "outcome": self.outcome,
            "log": lines,
            "log_lines": len(self.log),
        }


@dataclass
class Instance:
    """A process of a function.

    Attributes:
        number: the smallest that was free.
        pid: of the process.
        since: when it was first heard of.
        running: requests by their id.
    """

    number: int
    pid: int
    since: float
    running: dict[str, Request] = field(default_factory=dict)


@dataclass
class Function:
    """What has happened in a function.

    Attributes:
        role: what it is for.
        instances: by process id.
        recent: requests that have ended, the latest last.
        counts: of requests by outcome.
        failures: events of the latest requests that failed.
    """

    role: Role
    instances: dict[int, Instance] = field(default_factory=dict)
    recent: deque[Request] = field(default_factory=lambda: deque(maxlen=_MOST_RECENT))
    counts: Counter[str] = field(default_factory=Counter)
    failures: deque[Event] = field(default_factory=lambda: deque(maxlen=10))


@dataclass
class Remembered:
    """A message that has been seen.

    Attributes:
        id: of the message.
        subject: what it is about; None if it does not say.
        topic: short name; None if unknown.
        attributes: None if they were too large to be kept.
        data: in base64; None if it was too large to be kept.
        ordering_key: may be empty.
        attempts: deliveries so far, by function.
        subscription: short name of the one that delivered it last; None if it was not delivered.
        problem: why it has died, if it is a dead letter and that is known.
    """

    id: str
    subject: str | None
    topic: str | None
    attributes: Mapping[str, str] | None
    data: str | None
    ordering_key: str = ""
    attempts: Counter[str] = field(default_factory=Counter)
    subscription: str | None = None
    problem: str | None = None


@dataclass
class Life:
    """The life of an upload, or of a message that is not about one.

    Attributes:
        id: of the upload or message.
        began: time of the first event.
        changed: time of the last event.
        state: queued, working, waiting (for a retry), done, failed or dead.
        attempts: of the latest job.
        next_retry: time; None if it does not wait, or if the broker does not tell.
        entries: events, oldest first.
        left_out: number of events that were too many to be kept.
    """

    id: str
    began: float
    changed: float
    state: str = "queued"
    attempts: int = 0
    next_retry: float | None = None
    entries: list[Event] = field(default_factory=list)
    left_out: int = 0

    def add(self, event: Event) -> None:
        """Append an event; the first and the latest are kept."""
        self.changed = event["time"]
        self.entries.append(event)
        if len(self.entries) > _MOST_ENTRIES:
            del self.entries[_MOST_ENTRIES // 4]
            self.left_out += 1

    def summary(self) -> dict[str, Any]:
        """Return it without its events, as JSON values."""
        return {
            "id": self.id,
            "state": self.state,
            "began": self.began,
            "changed": self.changed,
            "attempts": self.attempts,
            "next_retry": self.next_retry,
        }
