"""`infra/topology.yaml`: what the cloud consists of, read and checked."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

import yaml
from cronsim import CronSim, CronSimError

from emulator.errors import InvalidTopology

T = TypeVar("T")

_SECTIONS = ("functions", "buckets", "topics", "subscriptions", "schedules")
_TRIGGERS = ("http", "pubsub", "schedule")


@dataclass(frozen=True, slots=True)
class Reference:
    """The full name of a resource, as the value of an environment variable.

    Attributes:
        kind: `bucket` or `topic`.
        name: of the resource in the topology.
    """

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function.

    Attributes:
        entry_point: its name in `functions/main.py`.
        trigger: who calls it: anyone over `http`, a subscription (`pubsub`) or a `schedule`.
        memory: of an instance, bytes.
        cpu: of an instance.
        concurrency: requests that an instance works on at once.
        timeout_seconds: after which a request is given up.
        min_instances: kept waiting.
        max_instances: at most at work.
        environment: its variables, those of every function included.
    """

    entry_point: str
    trigger: str
    memory: int
    cpu: int
    concurrency: int
    timeout_seconds: int
    min_instances: int
    max_instances: int
    environment: Mapping[str, str | Reference]


@dataclass(frozen=True, slots=True)
class Notification:
    """Where a bucket tells of the blobs that are put into it.

    Attributes:
        topic: its name.
        prefix: of the names of the blobs that are told of; empty for all.
    """

    topic: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket.

    Attributes:
        delete_after_days: age at which its blobs are deleted; None keeps them.
        notify: None tells nobody of new blobs.
    """

    delete_after_days: int | None = None
    notify: Notification | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Where messages go that are never acknowledged.

    Attributes:
        topic: its name.
        max_delivery_attempts: 5 to 100.
    """

    topic: str
    max_delivery_attempts: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """A push subscription.

    Attributes:
        topic: what it subscribes to.
        push_to: the function that takes its messages.
        ack_deadline_seconds: 10 to 600.
        minimum_backoff_seconds: before the second delivery.
        maximum_backoff_seconds: between late deliveries.
        dead_letter: None delivers without end.
    """

    topic: str
    push_to: str
    ack_deadline_seconds: int
    minimum_backoff_seconds: int
    maximum_backoff_seconds: int
    dead_letter: DeadLetter | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A function that is called at set times.

    Attributes:
        function: its name; its trigger is `schedule`.
        cron: the times, in UTC: minute, hour, day, month, day of the week.
    """

    function: str
    cron: str


@dataclass(frozen=True, slots=True)
class Topology:
    """All of it, by name."""

    runtime: str
    functions: Mapping[str, Function]
    buckets: Mapping[str, Bucket]
    topics: tuple[str, ...]
    subscriptions: Mapping[str, Subscription]
    schedules: Mapping[str, Schedule]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file.

        Raises:
            InvalidTopology: something is missing, unknown or refers to what is not there.
        """
        try:
            return cls._read(yaml.safe_load(path.read_text()))
        except (OSError, yaml.YAMLError, InvalidTopology) as error:
            raise InvalidTopology(f"{path}: {error}") from None

    @classmethod
    def _read(cls, document: Any) -> Self:
        document = _mapping("the file", document)
        places = ("runtime", "environment", *_SECTIONS)
        if document.keys() != set(places):
            different = sorted(document.keys() ^ set(places))
            raise InvalidTopology(f"missing or unknown: {', '.join(different)}")
        sections = {name: _mapping(name, document[name]) for name in _SECTIONS}
        shared = _mapping("environment", document["environment"])
        topology = cls(
            runtime=str(document["runtime"]),
            functions={
                name: _function(f"functions.{name}", _mapping(f"functions.{name}", value), shared)
                for name, value in sections["functions"].items()
            },
            buckets={
                name: _bucket(f"buckets.{name}", value)
                for name, value in sections["buckets"].items()
            },
            topics=tuple(sections["topics"]),
            subscriptions={
                name: _subscription(f"subscriptions.{name}", value)
                for name, value in sections["subscriptions"].items()
            },
            schedules={
                name: _schedule(f"schedules.{name}", value)
                for name, value in sections["schedules"].items()
            },
        )
        topology._check_references()
        return topology

    def serves_pictures(self, function: str) -> bool:
        """Tell whether pictures wait for a function, and not only what went wrong or a clock."""
        dead = {s.dead_letter.topic for s in self.subscriptions.values() if s.dead_letter}
        fed = {s.push_to for s in self.subscriptions.values() if s.topic not in dead}
        return self.functions[function].trigger == "http" or function in fed

    def _check_references(self) -> None:
        for name, bucket in self.buckets.items():
            if bucket.notify:
                self._expect(f"buckets.{name}.notify", "topic", bucket.notify.topic)
        for name, subscription in self.subscriptions.items():
            place = f"subscriptions.{name}"
            self._expect(place, "topic", subscription.topic)
            self._expect_function(place, subscription.push_to, "pubsub")
            if subscription.dead_letter:
                self._expect(place, "topic", subscription.dead_letter.topic)
        for name, schedule in self.schedules.items():
            self._expect_function(f"schedules.{name}", schedule.function, "schedule")
        for name, function in self.functions.items():
            for variable, value in function.environment.items():
                if isinstance(value, Reference):
                    self._expect(f"functions.{name}.{variable}", value.kind, value.name)

    def _expect(self, place: str, kind: str, name: str) -> None:
        known = {"bucket": self.buckets, "topic": self.topics, "function": self.functions}[kind]
        if name not in known:
            raise InvalidTopology(
                f"{place}: there is no {kind} {name!r}: expected {', '.join(known)}"
            )

    def _expect_function(self, place: str, name: str, trigger: str) -> None:
        """See that a function is there, and can be called by what calls it in the cloud."""
        self._expect(place, "function", name)
        if self.functions[name].trigger != trigger:
            raise InvalidTopology(
                f"{place}: calls {name}: expected functions.{name}.trigger: {trigger}"
            )


def _mapping(place: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidTopology(f"{place}: {value!r}: expected names and values")
    return value


def _function(place: str, value: dict[str, Any], shared: dict[str, Any]) -> Function:
    own = _mapping(f"{place}.environment", value.get("environment"))
    environment = {
        name: _value(f"{place}.environment.{name}", text) for name, text in (shared | own).items()
    }
    memory = _bytes(f"{place}.memory", value.get("memory"))
    function = _build(Function, place, {**value, "memory": memory, "environment": environment})
    if function.trigger not in _TRIGGERS:
        raise InvalidTopology(
            f"{place}.trigger: {function.trigger!r}: expected {', '.join(_TRIGGERS)}"
        )
    return function


def _bucket(place: str, value: Any) -> Bucket:
    given = _mapping(place, value)
    if "notify" in given:
        notify = _build(Notification, f"{place}.notify", given["notify"])
        given = {**given, "notify": notify}
    return _build(Bucket, place, given)


def _schedule(place: str, value: Any) -> Schedule:
    schedule = _build(Schedule, place, value)
    # Fewer forms than CronSim takes: those that Cloud Scheduler documents too, see
    # https://docs.cloud.google.com/scheduler/docs/configuring/cron-job-schedules
    field = r"(?:[0-9*,/-]|[A-Za-z]{3})+"
    try:
        if not re.fullmatch(rf"{field}(?: {field}){{4}}", str(schedule.cron)):
            raise CronSimError("not five fields")
        CronSim(schedule.cron, datetime.now(UTC))
    except CronSimError as error:
        raise InvalidTopology(
            f"{place}.cron: {schedule.cron!r}: {error}: expected minute, hour, day, month and day "
            "of the week, such as */5 * * * *"
        ) from None
    return schedule


def _subscription(place: str, value: Any) -> Subscription:
    given = _mapping(place, value)
    if "dead_letter" in given:
        dead_letter = _build(DeadLetter, f"{place}.dead_letter", given["dead_letter"])
        given = {**given, "dead_letter": dead_letter}
    return _build(Subscription, place, given)


def _value(place: str, value: Any) -> str | Reference:
    match value:
        case str():
            return value
        case {"bucket": str(name)} | {"topic": str(name)} if len(value) == 1:
            return Reference(next(iter(value)), name)
    raise InvalidTopology(f"{place}: {value!r}: expected text, {{bucket: …}} or {{topic: …}}")


def _bytes(place: str, value: Any) -> int:
    units = {"Mi": 2**20, "Gi": 2**30}
    match = re.fullmatch(r"([0-9]+)(Mi|Gi)", str(value))
    if not match:
        raise InvalidTopology(f"{place}: {value!r}: expected a size like 512Mi or 2Gi")
    return int(match[1]) * units[match[2]]


def _build(kind: type[T], place: str, value: Any) -> T:
    """Make a dataclass of a mapping that has its fields, and no others."""
    given = _mapping(place, value)
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    unknown = given.keys() - known.keys()
    if unknown:
        raise InvalidTopology(
            f"{place}: unknown {', '.join(sorted(unknown))}: expected {', '.join(known)}"
        )
    missing = [
        name for name, field in known.items() if field.default is MISSING and name not in given
    ]
    if missing:
        raise InvalidTopology(f"{place}: {', '.join(missing)} missing")
    for name, item in given.items():
        if known[name].type in (int, int | None) and type(item) is not int:
            raise InvalidTopology(f"{place}.{name}: {item!r}: expected a whole number")
    return kind(**given)
