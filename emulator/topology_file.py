"""Reads `infra/topology.yaml` and checks it."""

import re
from collections.abc import Callable, Collection
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import yaml
from cronsim import CronSim, CronSimError

from emulator.errors import InvalidTopology
from emulator.project import FILES
from emulator.topology import (
    Bucket,
    DeadLetter,
    Function,
    Notification,
    Reference,
    Schedule,
    Subscription,
    Topology,
)

TOPOLOGY = FILES / "infra" / "topology.yaml"

T = TypeVar("T")

_SECTIONS = ("functions", "buckets", "topics", "subscriptions", "schedules")
_TRIGGERS = ("http", "pubsub", "schedule")


def read_topology(path: Path = TOPOLOGY) -> Topology:
    """Read a topology.

    Raises:
        InvalidTopology: something is missing, unknown, or refers to what does not exist.
    """
    try:
        return _topology(yaml.safe_load(path.read_text()))
    except (OSError, yaml.YAMLError, InvalidTopology) as error:
        raise InvalidTopology(f"{path}: {error}") from None


def _topology(value: Any) -> Topology:
    document = _mapping("the file", value)
    places = {"runtime", "environment", *_SECTIONS}
    if different := document.keys() ^ places:
        raise InvalidTopology(f"missing or unknown: {', '.join(sorted(different))}")
    sections = {name: _mapping(name, document[name]) for name in _SECTIONS}
    shared = _mapping("environment", document["environment"])

    def each(section: str, read: Callable[[str, Any], T]) -> dict[str, T]:
        return {name: read(f"{section}.{name}", item) for name, item in sections[section].items()}

    topology = Topology(
        runtime=str(document["runtime"]),
        functions=each("functions", partial(_function, shared)),
        buckets=each("buckets", partial(_build_with, Bucket, notify=Notification)),
        topics=tuple(sections["topics"]),
        subscriptions=each(
            "subscriptions", partial(_build_with, Subscription, dead_letter=DeadLetter)
        ),
        schedules=each("schedules", _schedule),
    )
    _check_references(topology)
    return topology


def _check_references(topology: Topology) -> None:
    """Check that everything that is named exists.

    Raises:
        InvalidTopology: something does not.
    """
    known: dict[str, Collection[str]] = {
        "bucket": topology.buckets,
        "topic": topology.topics,
        "function": topology.functions,
    }

    def expect(place: str, kind: str, name: str) -> None:
        if name not in known[kind]:
            raise InvalidTopology(
                f"{place}: there is no {kind} {name!r}: expected {', '.join(known[kind])}"
            )

    def expect_function(place: str, name: str, trigger: str) -> None:
        """Check that a function exists, and that its caller may call it in the cloud."""
        expect(place, "function", name)
        if topology.functions[name].trigger != trigger:
            raise InvalidTopology(
                f"{place}: calls {name}: expected functions.{name}.trigger: {trigger}"
            )

    for name, bucket in topology.buckets.items():
        if bucket.notify:
            expect(f"buckets.{name}.notify", "topic", bucket.notify.topic)
    for name, subscription in topology.subscriptions.items():
        place = f"subscriptions.{name}"
        expect(place, "topic", subscription.topic)
        expect_function(place, subscription.push_to, "pubsub")
        if subscription.dead_letter:
            expect(place, "topic", subscription.dead_letter.topic)
    for name, schedule in topology.schedules.items():
        expect_function(f"schedules.{name}", schedule.function, "schedule")
    for name, function in topology.functions.items():
        for variable, value in function.environment.items():
            if isinstance(value, Reference):
                expect(f"functions.{name}.{variable}", value.kind, value.name)


def _mapping(place: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidTopology(f"{place}: {value!r}: expected names and values")
    return value


def _function(shared: dict[str, Any], place: str, value: Any) -> Function:
    given = _mapping(place, value)
    own = _mapping(f"{place}.environment", given.get("environment"))
    environment = {
        name: _variable(f"{place}.environment.{name}", text)
        for name, text in {**shared, **own}.items()
    }
    memory = _bytes(f"{place}.memory", given.get("memory"))
    function = _build(Function, place, {**given, "memory": memory, "environment": environment})
    if function.trigger not in _TRIGGERS:
        raise InvalidTopology(
            f"{place}.trigger: {function.trigger!r}: expected {', '.join(_TRIGGERS)}"
        )
    return function


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


def _variable(place: str, value: Any) -> str | Reference:
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


def _build_with(kind: type[T], place: str, value: Any, **parts: type) -> T:
    """Make a dataclass of a mapping in which some fields, if present, are dataclasses too."""
    given = _mapping(place, value)
    built: dict[str, Any] = {
        name: _build(part, f"{place}.{name}", given[name])
        for name, part in parts.items()
        if name in given
    }
    return _build(kind, place, {**given, **built})


def _build(kind: type[T], place: str, value: Any) -> T:
    """Make a dataclass of a mapping that has its fields, and no others."""
    given = _mapping(place, value)
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := given.keys() - known.keys():
        raise InvalidTopology(
            f"{place}: unknown {', '.join(sorted(unknown))}: expected {', '.join(known)}"
        )
    if missing := [
        name for name, field in known.items() if field.default is MISSING and name not in given
    ]:
        raise InvalidTopology(f"{place}: {', '.join(missing)} missing")
    for name, item in given.items():
        if known[name].type in (int, int | None) and type(item) is not int:
            raise InvalidTopology(f"{place}.{name}: {item!r}: expected a whole number")
    return kind(**given)
