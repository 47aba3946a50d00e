"""Topics with a schema: their settings, and which messages they admit.

https://docs.cloud.google.com/pubsub/docs/schemas
"""

from collections.abc import Mapping, Sequence
from typing import Any

from emulator.pubsub.rules import names
from emulator.pubsub.rules.errors import InvalidArgument, NotFound, SchemaMismatch
from emulator.pubsub.rules.schemas.definition import BINARY, JSON, Definition, Misfit
from emulator.pubsub.rules.schemas.schema import Revision, Schema

DELETED_SCHEMA = "_deleted-schema_"

# Attributes of messages. https://docs.cloud.google.com/pubsub/docs/schemas-valid
NAME = "googclient_schemaname"
ENCODING = "googclient_schemaencoding"
REVISION = "googclient_schemarevisionid"
NO_REVISION = {REVISION: "_deleted-schema-revision_"}
NO_SCHEMA = {NAME: DELETED_SCHEMA} | NO_REVISION

_ENCODINGS = {JSON: "JSON", BINARY: "BINARY"}
_LANGUAGES = {"AVRO": "AVRO", "PROTOCOL_BUFFER": "PROTO"}


def check_settings(schemas: Mapping[str, Schema], settings: Any) -> None:
    """Check the `SchemaSettings` of a topic.

    Raises:
        InvalidArgument: If the schema or the encoding is missing, or the revisions are in the
            wrong order.
        NotFound: If the schema or a revision does not exist.
    """
    if not settings.schema:
        raise InvalidArgument("schema_settings must name a schema.")
    check_encoding(settings.encoding)
    schema = schemas.get(settings.schema)
    if schema is None:
        raise NotFound(names.check("schemas", settings.schema))
    limits = (settings.first_revision_id, settings.last_revision_id)
    for revision in filter(None, limits):
        if revision not in schema.revisions:
            raise NotFound(f"{settings.schema}@{revision}")
    if not schema.between(*limits):
        raise InvalidArgument("first_revision_id must not be newer than last_revision_id.")


def check_encoding(encoding: int) -> None:
    """Check that an encoding is given.

    Raises:
        InvalidArgument: If it is not.
    """
    if encoding not in _ENCODINGS:
        raise InvalidArgument("Invalid encoding: it must be JSON or BINARY.")


def accepted(schemas: Mapping[str, Schema], settings: Any) -> list[Revision]:
    """Return the revisions that a topic with these `SchemaSettings` accepts, newest first.

    Raises:
        NotFound: If the schema is deleted.
    """
    schema = schemas.get(settings.schema)
    if schema is None:
        raise NotFound(DELETED_SCHEMA)
    return schema.between(settings.first_revision_id, settings.last_revision_id)


def admit(revisions: Sequence[Revision], encoding: int, drafts: Sequence[Any]) -> None:
    """Check `PubsubMessage`s that are to be published, and note the schema in their attributes.

    Args:
        revisions: Those that the topic accepts, newest first.
        encoding: `JSON` or `BINARY`.
        drafts: The messages.

    Raises:
        SchemaMismatch: If a message fits none of the revisions.
    """
    fitting = [_fitting(revisions, encoding, draft.data) for draft in drafts]
    for draft, revision in zip(drafts, fitting, strict=True):
        draft.attributes[NAME] = revision.description.name
        draft.attributes[ENCODING] = _ENCODINGS[encoding]
        draft.attributes[REVISION] = revision.description.revision_id


def mismatch(definition: Definition, encoding: int, detail: str) -> SchemaMismatch:
    """Return the error for a message that does not fit."""
    language = _LANGUAGES[definition.language]
    return SchemaMismatch(f"INVALID_{_ENCODINGS[encoding]}_{language}_MESSAGE", detail)


def _fitting(revisions: Sequence[Revision], encoding: int, data: bytes) -> Revision:
    """Return the newest revision that data fits."""
    refusals = []
    for revision in revisions:
        try:
            revision.definition.check(encoding, data)
        except Misfit as error:
            refusals.append(f"{revision.description.revision_id}: {error}")
        else:
            return revision
    raise mismatch(revisions[0].definition, encoding, "\n".join(refusals))
