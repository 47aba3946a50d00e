"""JSON Schema of documents, generated from their types."""

from collections.abc import Iterable
from typing import Any

import msgspec


def components(kinds: Iterable[Any], place: str = "#/$defs/") -> dict[str, dict[str, Any]]:
    """Return the schemas of types, and of the types of their members, by name.

    Titles and descriptions of types are left out, since msgspec takes them from names and
    docstrings. Those are for readers of the code, and do not exist under -OO.

    Args:
        kinds: structs.
        place: prefix of references.
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
    """Remove null from the schema of a member that is omitted if it is null."""
    if member.get("default", ...) is None:
        del member["default"]
        member["anyOf"] = [choice for choice in member["anyOf"] if choice != {"type": "null"}]


def _plain(schema: Any) -> Any:
    """Return a schema with regular expressions of JSON Schema, and without `anyOf` of one."""
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema.replace(r"\Z", "$") if isinstance(schema, str) else schema
    plain = {name: _plain(part) for name, part in schema.items()}
    choices = plain.get("anyOf", ())
    return plain.pop("anyOf")[0] | plain if len(choices) == 1 else plain
