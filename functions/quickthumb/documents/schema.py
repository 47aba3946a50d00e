"""JSON Schema of documents, made from their types."""

from collections.abc import Iterable
from typing import Any

import msgspec


def components(kinds: Iterable[Any], place: str = "#/$defs/") -> dict[str, dict[str, Any]]:
    """Return the schema of each type, and of the types it is made of, by name.

    Titles and descriptions of whole types are left out: msgspec takes them from names and
    docstrings, which are for readers of the code, and not there under -OO.

    Args:
        kinds: structs.
        place: where the schemas will lie, for references.
    """
    kinds = list(kinds)
    _, found = msgspec.json.schema_components(kinds, ref_template=place + "{name}")
    for schema in found.values():
        del schema["title"]
        schema.pop("description", None)
    for kind in kinds:
        if kind.__struct_config__.omit_defaults:
            for member in found[kind.__name__]["properties"].values():
                _without_null(member)
    return {name: _plain(schema) for name, schema in found.items()}


def _without_null(member: dict[str, Any]) -> None:
    """Leave null out of the schema of a member that is null by default, and then left out."""
    if member.get("default", ...) is None:
        del member["default"]
        member["anyOf"] = [choice for choice in member["anyOf"] if choice != {"type": "null"}]


def _plain(schema: Any) -> Any:
    """Return a schema in the regular expressions of JSON Schema, and without needless choices."""
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema.replace(r"\Z", "$") if isinstance(schema, str) else schema
    plain = {name: _plain(part) for name, part in schema.items()}
    choices = plain.get("anyOf", ())
    return plain.pop("anyOf")[0] | plain if len(choices) == 1 else plain
