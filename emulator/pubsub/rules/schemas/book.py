"""Administration of schemas in terms of the API's protobuf messages.

https://docs.cloud.google.com/pubsub/docs/schemas
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from emulator.pubsub.rules import names, wire
from emulator.pubsub.rules.errors import (
    AlreadyExists,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
)
from emulator.pubsub.rules.registry import Registry
from emulator.pubsub.rules.schemas import topics
from emulator.pubsub.rules.schemas.definition import Misfit, read
from emulator.pubsub.rules.schemas.schema import Revision, Schema

MAX_REVISIONS = 20
MAX_SCHEMAS = 10_000

# google.pubsub.v1.SchemaView
_BASIC, _FULL = 1, 2


class SchemaBook:
    """Creates, reads, revises, lists and deletes the schemas of a registry, and validates.

    Methods raise `NotFound` if a schema or revision does not exist, and `InvalidArgument` if a name
    or a definition is invalid.
    """

    def __init__(
        self, registry: Registry, new_id: Callable[[], str] = lambda: secrets.token_hex(4)
    ) -> None:
        """Administer the schemas of a registry; `new_id` returns ids of revisions."""
        self._registry = registry
        self._ledger = registry.router.ledger
        self._new_id = new_id

    def create(self, parent: str, schema_id: str, schema: Any, now: float) -> Any:
        """Add a schema and return its first revision.

        Raises:
            AlreadyExists: If there is one of this name.
            ResourceExhausted: If the project has too many.
        """
        project = names.check_project(parent)
        name = names.check("schemas", f"{project}/schemas/{schema_id}")
        read(schema)
        if name in self._registry.schemas:
            raise AlreadyExists(name)
        if len(self._of_project(project)) >= MAX_SCHEMAS:
            raise ResourceExhausted(f"A project cannot have more than {MAX_SCHEMAS} schemas.")
        made = self._registry.schemas[name] = Schema(name)
        return self._add(made, schema, now)

    def get(self, name: str, view: int) -> Any:
        """Return a revision, by default the newest one, with all fields unless told otherwise."""
        return _viewed(self._revision(name), view or _FULL)

    def of_project(self, parent: str, view: int) -> list[Any]:
        """Return the newest revision of every schema of a project, sorted by name."""
        schemas = self._of_project(names.check_project(parent))
        return [_viewed(schema.newest, view) for schema in schemas]

    def revisions(self, name: str, view: int) -> list[Any]:
        """Return all revisions of a schema, oldest first."""
        return [_viewed(each, view) for each in self._registry.schema(name).revisions.values()]

    def commit(self, name: str, schema: Any, now: float) -> Any:
        """Add a revision, which must be compatible with all others, and return it.

        Raises:
            ResourceExhausted: If there are too many.
        """
        revised = self._registry.schema(name)
        definition = read(schema)
        for revision, earlier in reversed(revised.revisions.items()):
            try:
                if earlier.definition.language != definition.language:
                    raise Misfit("The type of a schema cannot be changed.")
                definition.check_revision_of(earlier.definition)
            except Misfit as error:
                raise InvalidArgument(
                    f"Compatibility checking failed to commit a schema revision to {name}."
                    f" Revision is incompatible with previous revision: {revision}. {error}"
                ) from None
        return self._add(revised, schema, now)

    def rollback(self, name: str, revision_id: str, now: float) -> Any:
        """Add a copy of an earlier revision, and return it.

        Raises:
            ResourceExhausted: If there are too many revisions.
        """
        earlier = self._revision(f"{name}@{revision_id}")
        return self._add(self._registry.schema(name), earlier.description, now)

    def delete_revision(self, name: str) -> Any:
        """Remove the revision of this name, which includes its id, and return it."""
        revision = self._revision(name)
        schema_name, _, revision_id = name.partition("@")
        if not revision_id:
            raise InvalidArgument(f"Invalid name: {name}. It must end with @ and a revision id.")
        schema = self._registry.schema(schema_name)
        if len(schema.revisions) == 1:
            raise InvalidArgument(
                f"{revision_id} is the only revision of {schema_name}. Delete the schema instead."
            )
        del schema.revisions[revision_id]
        self._ledger.schema_deleted(schema_name, revision_id)
        self._mark({topics.NAME: schema_name, topics.REVISION: revision_id}, topics.NO_REVISION)
        return revision.description

    def delete(self, name: str) -> None:
        """Remove a schema. Topics with it refuse all messages until they have another one."""
        schema = self._registry.schema(name)
        del self._registry.schemas[schema.name]
        self._ledger.schema_deleted(name)
        for topic in self._registry.topics.values():
            settings = topic.description.schema_settings
            if settings.schema == name:
                settings.schema = topics.DELETED_SCHEMA
                self._ledger.topic_saved(topic.name, topic.description.SerializeToString())
        self._mark({topics.NAME: name}, topics.NO_SCHEMA)

    def validate(self, parent: str, schema: Any) -> None:
        """Check a definition."""
        names.check_project(parent)
        read(schema)

    def validate_message(self, request: Any) -> None:
        """Check the message of a `ValidateMessageRequest` against a schema that it names or has.

        Raises:
            SchemaMismatch: If it does not fit.
        """
        names.check_project(request.parent)
        topics.check_encoding(request.encoding)
        if request.name:
            definition = self._revision(request.name).definition
        else:
            definition = read(request.schema)
        try:
            definition.check(request.encoding, request.message)
        except Misfit as error:
            raise topics.mismatch(definition, request.encoding, str(error)) from None

    def _revision(self, name: str) -> Revision:
        """Return the revision of this name; if it has no id, the newest one."""
        schema_name, _, revision_id = name.partition("@")
        schema = self._registry.schema(schema_name)
        if not revision_id:
            return schema.newest
        if revision_id not in schema.revisions:
            raise NotFound(name)
        return schema.revisions[revision_id]

    def _of_project(self, project: str) -> list[Schema]:
        schemas = self._registry.schemas
        return [schemas[name] for name in sorted(schemas) if name.startswith(f"{project}/")]

    def _add(self, schema: Schema, source: Any, now: float) -> Any:
        if len(schema.revisions) >= MAX_REVISIONS:
            raise ResourceExhausted(
                f"{schema.name} has {MAX_REVISIONS} revisions already. Delete one first."
            )
        revision = type(source)()
        revision.CopyFrom(source)
        revision.name = schema.name
        revision.revision_id = self._new_id()
        revision.revision_create_time.FromMilliseconds(int(now * 1000))
        schema.add(revision)
        self._ledger.schema_saved(schema.name, revision.revision_id, revision.SerializeToString())
        return revision

    def _mark(self, attributes: Mapping[str, str], replacement: Mapping[str, str]) -> None:
        """Replace attributes of all messages that have these."""
        for message in self._registry.messages():
            if attributes.items() <= message.attributes.items():
                wire.set_attributes(message, replacement)
                self._ledger.rewritten(message)


def _viewed(revision: Revision, view: int) -> Any:
    """Return the `Schema` with its definition, or without it unless the view is full."""
    if view == _FULL:
        return revision.description
    brief = type(revision.description)()
    brief.CopyFrom(revision.description)
    brief.ClearField("definition")
    brief.ClearField("compiled_proto_schema")
    return brief
