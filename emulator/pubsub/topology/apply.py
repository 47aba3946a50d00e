"""Creates what a topology names; what is there already is kept, and changed if it differs."""

from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from emulator.pubsub.errors import TopologyInvalid
from emulator.pubsub.rules.catalogue import Catalogue
from emulator.pubsub.rules.errors import InvalidArgument, NotFound, PubsubError
from emulator.pubsub.rules.registry import Registry
from emulator.pubsub.rules.schemas.book import SchemaBook
from emulator.pubsub.rules.subscription import Subscription
from emulator.pubsub.topology.document import Entry, Topology

# What the broker sets itself.
_OUTPUT_FIELDS = frozenset({"state", "detached", "topic_message_retention_duration"})


def apply(topology: Topology, registry: Registry, now: float) -> None:
    """Create the schemas, topics and subscriptions of a topology.

    Those that exist keep their messages; settings that differ are changed, and a schema gets a new
    revision. What the topology does not name stays as it is.

    Args:
        topology: What has to be there.
        registry: Where it has to be.
        now: Seconds since the epoch.

    Raises:
        TopologyInvalid: If the broker refuses a resource; the text names all of them. If it would
            refuse one on an empty broker, nothing has been changed.
    """
    empty = Registry(_NoDoors())
    wanted, catalogue = Catalogue(empty), Catalogue(registry)
    _each(topology.schemas, lambda schema: _put_schema(schema, SchemaBook(empty), now))
    _each(topology.topics, lambda topic: wanted.create_topic(_copy(topic)))
    _each(topology.subscriptions, lambda each: wanted.create_subscription(_copy(each)))

    _each(topology.schemas, lambda schema: _put_schema(schema, SchemaBook(registry), now))

    def put_topic(topic: Any) -> None:
        _put(
            topic,
            wanted.topic(topic.name),
            catalogue.topic,
            catalogue.create_topic,
            catalogue.update_topic,
        )

    def put_subscription(subscription: Any) -> None:
        _put(
            subscription,
            wanted.subscription(subscription.name),
            catalogue.subscription,
            catalogue.create_subscription,
            catalogue.update_subscription,
        )

    _each(topology.topics, put_topic)
    _each(topology.subscriptions, put_subscription)


def _each(entries: Sequence[Entry], put: Callable[[Any], object]) -> None:
    """Do something with every resource; then raise `TopologyInvalid` if some were refused."""
    problems = []
    for entry in entries:
        try:
            put(entry.resource)
        except PubsubError as error:
            problems.append(f"{entry.place}: {error}")
    if problems:
        raise TopologyInvalid(problems)


def _put_schema(schema: Any, book: SchemaBook, now: float) -> None:
    """Create a schema, or add a revision if its newest one differs."""
    project, _, name = schema.name.partition("/schemas/")
    try:
        newest = book.get(schema.name, 0)
    except NotFound:
        book.create(project, name, _copy(schema), now)
        return
    if (newest.type_, newest.definition) != (schema.type_, schema.definition):
        book.commit(schema.name, _copy(schema), now)


def _put(
    resource: Any,
    complete: Any,
    get: Callable[[str], Any],
    create: Callable[[Any], object],
    update: Callable[[Any, Any], object],
) -> None:
    """Create a resource, or change what differs from it.

    Args:
        resource: As described.
        complete: The same with its defaults.
        get: Returns the resource of a name that exists.
        create: Creates a resource.
        update: Changes the fields in a mask.
    """
    try:
        current = get(resource.name)
    except NotFound:
        create(_copy(resource))
        return
    if different := _differences(current, complete):
        try:
            update(resource, FieldMask(paths=different))
        except InvalidArgument as error:
            raise InvalidArgument(
                f"it exists with other settings ({', '.join(different)}): {error} Delete it, or"
                " start with an empty data folder."
            ) from error


def _differences(current: Any, complete: Any) -> list[str]:
    """Return the names of the fields with different values, sorted."""
    now = {field.name: value for field, value in current.ListFields()}
    then = {field.name: value for field, value in complete.ListFields()}
    names = sorted((now.keys() | then.keys()) - _OUTPUT_FIELDS)
    return [name for name in names if now.get(name) != then.get(name)]


def _copy(resource: Any) -> Any:
    copy = type(resource)()
    copy.CopyFrom(resource)
    return copy


class _NoDoors:
    """Of a broker that delivers nothing."""

    def ready(self, subscription: Subscription) -> None:
        """Do nothing."""

    def due(self, at: float) -> None:
        """Do nothing."""
