"""What a definition of a schema can do, whatever language it is written in."""

from functools import lru_cache
from typing import Any, Protocol

from emulator.pubsub.rules.errors import InvalidArgument

# google.pubsub.v1.Schema.Type
PROTOCOL_BUFFER, AVRO = 1, 2

# google.pubsub.v1.Encoding
JSON, BINARY = 1, 2

# https://docs.cloud.google.com/pubsub/docs/schemas#quotas
MAX_DEFINITION_BYTES = 300_000

# Definitions and messages may be nested this deep, so that a hostile one cannot exhaust the stack.
MAX_DEPTH = 64


class Misfit(Exception):
    """A message does not fit a definition, or a definition another one; the text says why."""


class Definition(Protocol):
    """A definition that has been read."""

    language: str

    def check(self, encoding: int, data: bytes) -> None:
        """Check the data of a message.

        Args:
            encoding: `JSON` or `BINARY`.
            data: What is to be published.

        Raises:
            Misfit: If it does not fit.
        """

    def check_revision_of(self, earlier: Any) -> None:
        """Check that this may be a later revision of a definition in the same language.

        Raises:
            Misfit: If it may not.
        """


def read(schema: Any) -> Definition:
    """Return the definition of a `Schema`.

    Raises:
        InvalidArgument: If the type is missing, or the definition is invalid.
    """
    if schema.type_ not in (PROTOCOL_BUFFER, AVRO):
        raise InvalidArgument("Invalid schema type: it must be AVRO or PROTOCOL_BUFFER.")
    compiled = schema.compiled_proto_schema
    source = compiled.compiled_bytes or schema.definition.encode()
    if len(source) > MAX_DEFINITION_BYTES:
        raise InvalidArgument(
            f"The schema definition has {len(source)} bytes, but at most {MAX_DEFINITION_BYTES}"
            " are allowed."
        )
    if schema.type_ == AVRO and schema.HasField("compiled_proto_schema"):
        raise InvalidArgument("compiled_proto_schema requires the type PROTOCOL_BUFFER.")
    try:
        if schema.HasField("compiled_proto_schema"):
            return _compiled(compiled.compiled_bytes, compiled.root_message)
        return _written(schema.type_, schema.definition)
    except Misfit as error:
        raise InvalidArgument(f"Could not parse schema definition: {error}") from None


# Tests validate many messages against the same definition.
@lru_cache(maxsize=100)
def _written(kind: int, definition: str) -> Definition:
    # Imported on first use: most brokers have no schemas.
    if kind == AVRO:
        from emulator.pubsub.rules.schemas.avro import AvroDefinition

        return AvroDefinition(definition)
    from emulator.pubsub.rules.schemas.protobuf import ProtobufDefinition

    return ProtobufDefinition.from_source(definition)


@lru_cache(maxsize=100)
def _compiled(files: bytes, root: str) -> Definition:
    from emulator.pubsub.rules.schemas.protobuf import ProtobufDefinition

    return ProtobufDefinition.from_compiled(files, root)
