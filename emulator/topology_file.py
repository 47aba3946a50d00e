"""Reads `infra/topology.yaml` and checks it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml
from cronsim import CronSim, CronSimError

from emulator.errors import InvalidTopology
from emulator.project import FILES
from emulator.topology import (
    TRIGGERS,
    Bucket,
    Function,
    Reference,
    Schedule,
    Subscription,
    Topology,
)

TOPOLOGY = FILES / "infra" / "topology.yaml"

T = TypeVar("T")

_SECTIONS = ("functions", "buckets", "topics", "subscriptions", "schedules")
_UNITS = {"Mi": 2**20, "Gi": 2**30}


def read_topology(path: Path = TOPOLOGY) -> Topology:
    """Read a topology.

    Raises:
        InvalidTopology: something is missing, unknown, or refers to something that does not exist.
    """
    try:
        return _topology(yaml.safe_load(path.read_text()))
    except (OSError, yaml.YAMLError, InvalidTopology) as error:
        raise InvalidTopology(f"{path}: {error}") from None


def _topology(value: Any) -> Topology:
    document = _mapping("the file", value)
    if different := document.keys() ^ {"runtime", "environment", *_SECTIONS}:
        raise InvalidTopology(f"missing or unknown: {', '.join(sorted(different))}")
    sections = {name: _mapping(name, document[name]) for name in _SECTIONS}
    shared = _mapping("environment", document["environment"])

    def each(section: str, read: Callable[[str, Any], T]) -> dict[str, T]:
        return {name: read(f"{section}.{name}", item) for name, item in sections[section].items()}

    topology = Topology(
        runtime=str(document["runtime"]),
        functions=each("functions", partial(_function, shared)),
        buckets=each("buckets", partial(_read, Bucket)),
        topics=tuple(sections["topics"]),
        subscriptions=each("subscriptions", partial(_read, Subscription)),
        schedules=each("schedules", _schedule),
    )
    _check_references(topology)
    return topology


def _check_references(topology: Topology) -> None:
    """Check that everything that is named exists, and that callers may call it in the cloud."""
    known = {
        "bucket": topology.buckets,
        "topic": dict.fromkeys(topology.topics),
        "function": topology.functions,
    }

    def expect(place: str, kind: str, name: str) -> None:
        if name not in known[kind]:
            raise InvalidTopology(
                f"{place}: there is no {kind} {name!r}: expected {', '.join(known[kind])}"
            )

    def expect_function(place: str, name: str, trigger: str) -> None:
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
            match value:
                case Reference(bucket=str(bucket_name)):
                    expect(f"functions.{name}.{variable}", "bucket", bucket_name)
                case Reference(topic=str(topic)):
                    expect(f"functions.{name}.{variable}", "topic", topic)


def _function(shared: dict[str, Any], place: str, value: Any) -> Function:
    given = dict(_mapping(place, value))
    variables = shared | _mapping(f"{place}.environment", given.get("environment"))
    environment = {
        name: _read(str | Reference, f"{place}.environment.{name}", text)
        for name, text in variables.items()
    }
    if given.get("trigger") not in TRIGGERS:
        raise InvalidTopology(
            f"{place}.trigger: {given.get('trigger')!r}: expected {', '.join(TRIGGERS)}"
        )
    memory = re.fullmatch(r"([0-9]+)(Mi|Gi)", str(given.get("memory")))
    if not memory:
        raise InvalidTopology(
            f"{place}.memory: {given.get('memory')!r}: expected a size like 512Mi or 2Gi"
        )
    size = int(memory[1]) * _UNITS[memory[2]]
    given |= {"memory": size, "environment": environment}
    function: Function = _read(Function, place, given)
    return function


def _schedule(place: str, value: Any) -> Schedule:
    schedule: Schedule = _read(Schedule, place, value)
    # Fewer forms than CronSim takes: those that Cloud Scheduler documents too, see
    # https://docs.cloud.google.com/scheduler/docs/configuring/cron-job-schedules
    field = r"(?:[0-9*,/-]|[A-Za-z]{3})+"
    try:
        if not re.fullmatch(rf"{field}(?: {field}){{4}}", schedule.cron):
            raise CronSimError("not five fields")
        CronSim(schedule.cron, datetime.now(UTC))
    except CronSimError as error:
        raise InvalidTopology(
            f"{place}.cron: {schedule.cron!r}: {error}: expected minute, hour, day, month and day "
            "of the week, such as */5 * * * *"
        ) from None
    return schedule


def _mapping(place: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidTopology(f"{place}: {value!r}: expected names and values")
    return value


def _read(kind: Any, place: str, value: Any) -> Any:
    """Convert a value of the file to a type; name the place if it does not fit."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        raise InvalidTopology(f"{place}{path.rstrip('`')}: {message}") from None
