"""A topology as a document of names and values, as YAML and JSON have it.

    projects:
      shop:
        schemas:
          order: {type: AVRO, definition: '{"type": "string"}'}
        topics:
          orders:
            subscriptions:
              billing: {ackDeadlineSeconds: 60}

The settings of a schema, topic or subscription are the fields of its resource in the API, in the
JSON mapping of protobuf: https://docs.cloud.google.com/pubsub/docs/reference/rest
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format

from emulator.pubsub import protos
from emulator.pubsub.errors import TopologyInvalid

# Fields that say where a resource is, which its place in the document says already.
_PLACED = {"schema": ("name",), "topic": ("name",), "subscription": ("name", "topic")}

# Fields that refer to another resource, by the field around each.
_SCHEMA = {"schemaSettings": "schema", "schema_settings": "schema"}
_DEAD_LETTER_TOPIC = {
    "deadLetterPolicy": "deadLetterTopic",
    "dead_letter_policy": "dead_letter_topic",
}


@dataclass(frozen=True)
class Entry:
    """A resource to create, and where it is described.

    Attributes:
        place: Source and path, for error messages.
        resource: The `Schema`, `Topic` or `Subscription`.
    """

    place: str
    resource: Any


@dataclass(frozen=True)
class Topology:
    """What a broker has to contain when it starts, in the order in which it is created."""

    schemas: tuple[Entry, ...] = ()
    topics: tuple[Entry, ...] = ()
    subscriptions: tuple[Entry, ...] = ()

    def __add__(self, other: "Topology") -> "Topology":
        """Return what both contain."""
        return Topology(
            self.schemas + other.schemas,
            self.topics + other.topics,
            self.subscriptions + other.subscriptions,
        )


def read_document(document: Any, source: str = "topology") -> Topology:
    """Read a topology.

    Args:
        document: A mapping with the key `projects`, as above.
        source: Where it comes from, for error messages.

    Raises:
        TopologyInvalid: If names or values are not those of a topology; it names all of them.
    """
    reader = _Reader()
    projects = reader.sections(source, document, "projects")["projects"]
    for place, project, described in reader.pairs(f"{source}: projects", projects):
        reader.project(place, f"projects/{project}", described)
    if reader.problems:
        raise TopologyInvalid(reader.problems)
    return Topology(tuple(reader.schemas), tuple(reader.topics), tuple(reader.subscriptions))


class _Reader:
    """Collects the resources of a document, and what is wrong with it."""

    def __init__(self) -> None:
        self.schemas: list[Entry] = []
        self.topics: list[Entry] = []
        self.subscriptions: list[Entry] = []
        self.problems: list[str] = []

    def project(self, place: str, project: str, described: Any) -> None:
        """Read the schemas and the topics of a project, and their subscriptions."""
        sections = self.sections(place, described, "schemas", "topics")
        for at, name, value in self.pairs(f"{place}.schemas", sections["schemas"]):
            schema = {"name": f"{project}/schemas/{name}"}
            self._add(self.schemas, at, "schema", schema, self._mapping(at, value))
        for at, name, value in self.pairs(f"{place}.topics", sections["topics"]):
            settings = self._mapping(at, value)
            subscriptions = settings.pop("subscriptions", None)
            topic = {"name": f"{project}/topics/{name}"}
            settings = _with_full_names(project, settings, _SCHEMA, "schemas")
            self._add(self.topics, at, "topic", topic, settings)
            for below, each, fields in self.pairs(f"{at}.subscriptions", subscriptions):
                names = {"name": f"{project}/subscriptions/{each}", "topic": topic["name"]}
                given = _with_full_names(
                    project, self._mapping(below, fields), _DEAD_LETTER_TOPIC, "topics"
                )
                self._add(self.subscriptions, below, "subscription", names, given)

    def sections(self, place: str, value: Any, *known: str) -> dict[str, Any]:
        """Return the sections that a mapping may have; None for those that it lacks."""
        found = self._mapping(place, value)
        for unknown in sorted(found.keys() - {*known}):
            expected = " or ".join(map(repr, known))
            self.problems.append(f"{place}: {unknown!r} is not known: expected {expected}")
        return {name: found.get(name) for name in known}

    def pairs(self, place: str, value: Any) -> Iterator[tuple[str, str, Any]]:
        """Yield place, name and value of everything in a mapping."""
        for name, item in self._mapping(place, value).items():
            yield f"{place}.{name}", name, item

    def _mapping(self, place: str, value: Any) -> dict[str, Any]:
        """Return a copy of a mapping; nothing stands for an empty one."""
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.problems.append(f"{place}: expected names and values, not {value!r}")
            return {}
        for name in value:
            if not isinstance(name, str):
                self.problems.append(f"{place}: the name {name!r} is no text: put it into quotes")
        return {name: item for name, item in value.items() if isinstance(name, str)}

    def _add(
        self,
        entries: list[Entry],
        place: str,
        kind: str,
        names: Mapping[str, str],
        settings: Mapping[str, Any],
    ) -> None:
        for field in _PLACED[kind]:
            if field in settings:
                self.problems.append(f"{place}: {field!r} follows from the place: leave it out")
                return
        resource = getattr(protos, kind.capitalize())()
        try:
            json_format.ParseDict({**settings, **names}, resource)
        except (json_format.ParseError, TypeError, ValueError, AttributeError) as error:
            self.problems.append(f"{place}: {' '.join(str(error).split())}")
        else:
            entries.append(Entry(place, resource))


def _with_full_names(
    project: str, settings: Mapping[str, Any], references: Mapping[str, str], collection: str
) -> dict[str, Any]:
    """Return settings in which a reference to something in the same project is a full name.

    Args:
        project: `projects/{project}`.
        settings: Of a topic or subscription.
        references: Fields with a reference, by the field around each.
        collection: Of what is referred to.
    """
    changed = dict(settings)
    for around in changed.keys() & references.keys():
        inner = changed[around]
        if isinstance(inner, Mapping):
            name = inner.get(references[around])
            if isinstance(name, str) and "/" not in name:
                full = f"{project}/{collection}/{name}"
                changed[around] = {**inner, references[around]: full}
    return changed
