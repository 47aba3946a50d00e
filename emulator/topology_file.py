"""Reads a topology, by default `infra/topology.yaml`, and checks it."""

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
from emulator.project import FILES, PROJECT, bucket_name
from emulator.topology import (
    TRIGGERS,
    Bucket,
    Function,
    Reference,
    Schedule,
    Subscription,
    Topic,
    Topology,
)

TOPOLOGY = FILES / "infra" / "topology.yaml"

T = TypeVar("T")

_SECTIONS = ("functions", "buckets", "topics", "subscriptions", "schedules")
_PLACES = ("runtime", "project", "environment", *_SECTIONS)
_UNITS = {"Mi": 2**20, "Gi": 2**30}

_NAMES = {
    "functions": (r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?", "lower-case letters, digits and hyphens"),
    "buckets": (r"[a-z0-9][a-z0-9_-]*", "lower-case letters, digits, hyphens and underscores"),
    "topics": (
        r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}",
        "3 to 255 letters, digits and any of -._~+%, the first a letter, not starting with goog",
    ),
}
"""What names consist of: https://docs.cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions,
https://docs.cloud.google.com/storage/docs/buckets#naming,
https://docs.cloud.google.com/pubsub/docs/pubsub-basics#resource_names"""

_PROJECT = (
    r"[a-z][a-z0-9-]{4,28}[a-z0-9]",
    "6 to 30 lower-case letters, digits and hyphens, the first a letter",
)
_MAX_BUCKET_NAME = 63


def read_topology(path: Path = TOPOLOGY) -> Topology:
    """Read a topology.

    Raises:
        InvalidTopology: something is missing, unknown, or refers to something that does not exist.
    """
    try:
        return _topology(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InvalidTopology(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InvalidTopology(f"{path}: byte {error.start} is not UTF-8") from None
    except (yaml.YAMLError, InvalidTopology) as error:
        raise InvalidTopology(f"{path}: {error}") from None


def _topology(value: Any) -> Topology:
    document = _mapping("the file", value)
    if unknown := [str(name) for name in document if name not in _PLACES]:
        raise InvalidTopology(f"unknown: {', '.join(unknown)}: expected {', '.join(_PLACES)}")
    if "functions" not in document:
        raise InvalidTopology("functions is missing: expected the name and trigger of each")
    sections = {name: _named(name, document.get(name)) for name in _SECTIONS}
    shared = _optional_mapping("environment", document.get("environment"))
    project = _name("project", document.get("project", PROJECT), *_PROJECT)

    def each(section: str, read: Callable[[str, Any], T]) -> dict[str, T]:
        return {name: read(f"{section}.{name}", item) for name, item in sections[section].items()}

    topology = Topology(
        runtime=str(document.get("runtime", "")),
        project=project,
        functions=each("functions", partial(_function, shared)),
        buckets=each("buckets", partial(_read, Bucket)),
        topics=tuple(each("topics", partial(_read, Topic))),
        subscriptions=each("subscriptions", partial(_read, Subscription)),
        schedules=each("schedules", _schedule),
    )
    _check_references(topology)
    return topology


def _named(section: str, value: Any) -> dict[str, Any]:
    """Read a section and check the names in it. Where all settings are optional, so is `{}`."""
    rule = _NAMES.get("topics" if section == "subscriptions" else section)
    found = {}
    for name, item in _optional_mapping(section, value).items():
        found[_name(section, name, *rule) if rule else str(name)] = {} if item is None else item
    return found


def _name(place: str, name: Any, pattern: str, expected: str) -> str:
    if not isinstance(name, str) or not re.fullmatch(pattern, name):
        raise InvalidTopology(f"{place}: {name!r}: expected {expected}")
    return name


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
                f"{place}: there is no {kind} {name!r}: expected "
                f"{', '.join(known[kind]) or f'a {kind} that the file names'}"
            )

    def expect_function(place: str, name: str, trigger: str) -> None:
        expect(place, "function", name)
        if topology.functions[name].trigger != trigger:
            raise InvalidTopology(
                f"{place}: calls {name}: expected functions.{name}.trigger: {trigger}"
            )

    for name, bucket in topology.buckets.items():
        full_name = bucket_name(name, topology.project)
        if len(full_name) > _MAX_BUCKET_NAME:
            raise InvalidTopology(
                f"buckets.{name}: {full_name} has {len(full_name)} characters: expected at most "
                f"{_MAX_BUCKET_NAME} with the project"
            )
        if bucket.notify:
            expect(f"buckets.{name}.notify", "topic", bucket.notify.topic)
    for name, subscription in topology.subscriptions.items():
        place = f"subscriptions.{name}"
        expect(place, "topic", subscription.topic)
        expect_function(place, subscription.push_to, "pubsub")
        least, most = subscription.minimum_backoff_seconds, subscription.maximum_backoff_seconds
        if least > most:
            raise InvalidTopology(
                f"{place}: minimum_backoff_seconds is {least}: expected at most "
                f"maximum_backoff_seconds, {most}"
            )
        if subscription.dead_letter:
            expect(place, "topic", subscription.dead_letter.topic)
    for name, schedule in topology.schedules.items():
        expect_function(f"schedules.{name}", schedule.function, "schedule")
    for name, function in topology.functions.items():
        for variable, value in function.environment.items():
            match value:
                case Reference(bucket=str(bucket_key)):
                    expect(f"functions.{name}.{variable}", "bucket", bucket_key)
                case Reference(topic=str(topic)):
                    expect(f"functions.{name}.{variable}", "topic", topic)


def _function(shared: dict[str, Any], place: str, value: Any) -> Function:
    name = place.partition(".")[2]
    given = {"entry_point": name.replace("-", "_"), "memory": "512Mi", **_mapping(place, value)}
    own = _optional_mapping(f"{place}.environment", given.get("environment"))
    environment = {
        name: _variable(f"{place}.environment.{name}", each)
        for name, each in (shared | own).items()
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


def _variable(place: str, value: Any) -> str | Reference:
    if not isinstance(value, str | dict):
        raise InvalidTopology(
            f"{place}: {value!r}: expected a text in quotes, {{bucket: name}} or {{topic: name}}"
        )
    variable: str | Reference = _read(str | Reference, place, value)
    return variable


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


def _optional_mapping(place: str, value: Any) -> dict[str, Any]:
    return {} if value is None else _mapping(place, value)


def _read(kind: Any, place: str, value: Any) -> Any:
    """Convert a value of the file to a type; name the place, and what is allowed there."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        if "unknown field" in message and not path:
            allowed = ", ".join(field.name for field in msgspec.structs.fields(kind))
            message += f": expected {allowed or 'nothing'}"
        raise InvalidTopology(f"{place}{path.rstrip('`')}: {message}") from None
