"""`infra/topology.yaml`: what the cloud consists of, read and checked."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Self, TypeVar

import yaml

from emulator.errors import InvalidTopology

T = TypeVar("T")


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
        trigger: `http` or `pubsub`.
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
class Bucket:
    """A bucket.

    Attributes:
        delete_after_days: age at which its blobs are deleted; None keeps them.
    """

    delete_after_days: int | None = None


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
class Topology:
    """All of it, by name."""

    runtime: str
    functions: Mapping[str, Function]
    buckets: Mapping[str, Bucket]
    topics: tuple[str, ...]
    subscriptions: Mapping[str, Subscription]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file.

        Raises:
            InvalidTopology: something is missing, unknown or refers to what is not there.
        """
        try:
            return cls._read(yaml.safe_load(path.read_text()))
        except (OSError, yaml.YAMLError) as error:
            raise InvalidTopology(f"{path}: {error}") from error
        except InvalidTopology as error:
            raise InvalidTopology(f"{path}: {error}") from None

    @classmethod
    def _read(cls, document: Any) -> Self:
        shared = document.pop("environment", {})
        functions = {
            name: _function(f"functions.{name}", value, shared)
            for name, value in document.pop("functions").items()
        }
        subscriptions = {
            name: _subscription(f"subscriptions.{name}", value)
            for name, value in document.pop("subscriptions").items()
        }
        topology = cls(
            runtime=document.pop("runtime"),
            functions=functions,
            buckets={
                name: _build(Bucket, f"buckets.{name}", value)
                for name, value in document.pop("buckets").items()
            },
            topics=tuple(document.pop("topics")),
            subscriptions=subscriptions,
        )
        if document:
            raise InvalidTopology(f"unknown: {', '.join(document)}")
        topology._check_references()
        return topology

    def _check_references(self) -> None:
        for name, subscription in self.subscriptions.items():
            place = f"subscriptions.{name}"
            self._expect(place, "topic", subscription.topic)
            self._expect(place, "function", subscription.push_to)
            if subscription.dead_letter:
                self._expect(place, "topic", subscription.dead_letter.topic)
        for name, function in self.functions.items():
            for variable, value in function.environment.items():
                if isinstance(value, Reference):
                    self._expect(f"functions.{name}.{variable}", value.kind, value.name)

    def _expect(self, place: str, kind: str, name: str) -> None:
        known = {"bucket": self.buckets, "topic": self.topics, "function": self.functions}[kind]
        if name not in known:
            raise InvalidTopology(f"{place}: there is no {kind} {name!r}: {', '.join(known)}")


def _function(place: str, value: Any, shared: Mapping[str, Any]) -> Function:
    environment = {
        name: _value(f"{place}.environment.{name}", text)
        for name, text in {**shared, **value.pop("environment", {})}.items()
    }
    memory = _bytes(f"{place}.memory", value.pop("memory", None))
    function = _build(Function, place, {**value, "memory": memory, "environment": environment})
    if function.trigger not in ("http", "pubsub"):
        raise InvalidTopology(f"{place}.trigger: {function.trigger!r}: expected http or pubsub")
    return function


def _subscription(place: str, value: Any) -> Subscription:
    if "dead_letter" in value:
        value = {
            **value,
            "dead_letter": _build(DeadLetter, f"{place}.dead_letter", value["dead_letter"]),
        }
    return _build(Subscription, place, value)


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
    given = dict(value or {})
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
