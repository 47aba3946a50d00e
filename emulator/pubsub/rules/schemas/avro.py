"""Definitions in Avro.

https://avro.apache.org/docs/1.11.1/specification/
"""

import json

from emulator.pubsub.rules.schemas.avro_resolution import check_readable
from emulator.pubsub.rules.schemas.avro_schema import parse
from emulator.pubsub.rules.schemas.avro_values import check_binary, check_json
from emulator.pubsub.rules.schemas.definition import JSON, Misfit


class AvroDefinition:
    """An Avro schema."""

    language = "AVRO"

    def __init__(self, definition: str) -> None:
        """Read a definition; `Misfit` says what is wrong with it."""
        self._type = parse(_load(definition))

    def check(self, encoding: int, data: bytes) -> None:
        """Check the data of a message; for what it raises see `Definition`."""
        if encoding != JSON:
            check_binary(self._type, data)
            return
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise Misfit("It is not UTF-8.") from None
        check_json(self._type, _load(text))

    def check_revision_of(self, earlier: "AvroDefinition") -> None:
        """Check that each can read what the other has written.

        https://docs.cloud.google.com/pubsub/docs/commit-schema-revision
        """
        check_readable(self._type, earlier._type)
        check_readable(earlier._type, self._type)


def _load(text: str) -> object:
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Misfit(f"It is not JSON: {error}.") from None
    return document
