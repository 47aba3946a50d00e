"""Reads a schema in Avro. docs/decisions/0015-schemas.md says why fastavro is not used."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from emulator.pubsub.rules.schemas.avro_types import PRIMITIVES, AvroType, Field
from emulator.pubsub.rules.schemas.avro_values import check_default
from emulator.pubsub.rules.schemas.definition import MAX_DEPTH, Misfit

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FULL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


def parse(schema: object) -> AvroType:
    """Return the type that a schema in JSON describes.

    Raises:
        Misfit: If the schema is invalid.
    """
    return _Reader().read(schema, "", 0)


class _Reader:
    """Reads one schema; remembers the types that it names."""

    def __init__(self) -> None:
        self._named: dict[str, AvroType] = {}
        self._kinds: dict[str, Callable[[dict[str, Any], str, int], AvroType]] = {
            "record": self._record,
            "error": self._record,
            "enum": self._enum,
            "fixed": self._fixed,
            "array": self._array,
            "map": self._map,
        }

    def read(self, schema: object, namespace: str, depth: int) -> AvroType:
        if depth > MAX_DEPTH:
            raise Misfit(f"It is nested deeper than {MAX_DEPTH} levels.")
        if isinstance(schema, str):
            return self._by_name(schema, namespace)
        if isinstance(schema, list):
            return self._union(schema, namespace, depth)
        if not isinstance(schema, dict):
            raise Misfit(f"Expected a type, not {schema!r}.")
        kind = schema.get("type")
        if isinstance(kind, str) and kind in self._kinds:
            return self._kinds[kind](schema, namespace, depth)
        if kind is None:
            raise Misfit(f"There is no type in {schema!r:.100}.")
        return self.read(kind, namespace, depth + 1)

    def _by_name(self, name: str, namespace: str) -> AvroType:
        if name in PRIMITIVES:
            return AvroType(name)
        for full in (_full(name, namespace), name):
            if full in self._named:
                return self._named[full]
        raise Misfit(f"There is no type {name}.")

    def _union(self, branches: list[object], namespace: str, depth: int) -> AvroType:
        parts = [self.read(branch, namespace, depth + 1) for branch in branches]
        if any(part.kind == "union" for part in parts):
            raise Misfit("A union contains another union.")
        _check_unique([part.label for part in parts], "type of a union")
        return AvroType("union", parts=parts)

    def _record(self, schema: dict[str, Any], namespace: str, depth: int) -> AvroType:
        record, namespace = self._name("record", schema, namespace)
        for entry in _listed(schema, "fields", dict):
            names = [entry.get("name"), *_aliases(entry)]
            for name in names:
                if not (isinstance(name, str) and _NAME.fullmatch(name)):
                    raise Misfit(f"{name!r} is not a valid name of a field.")
            if "type" not in entry:
                raise Misfit(f"The field {names[0]} has no type.")
            kind = self.read(entry["type"], namespace, depth + 1)
            if "default" in entry:
                _check_default(kind, entry["default"], names[0])
            record.fields.append(Field(names, kind, "default" in entry))
        _check_unique([entry.names[0] for entry in record.fields], "field")
        return record

    def _enum(self, schema: dict[str, Any], namespace: str, _depth: int) -> AvroType:
        enum, _ = self._name("enum", schema, namespace)
        enum.symbols = _listed(schema, "symbols", str)
        for symbol in enum.symbols:
            if not _NAME.fullmatch(symbol):
                raise Misfit(f"{symbol!r} is not a valid symbol.")
        _check_unique(enum.symbols, "symbol")
        enum.has_default = "default" in schema
        if enum.has_default and schema["default"] not in enum.symbols:
            raise Misfit(f"The default {schema['default']!r} is not a symbol of {enum.label}.")
        return enum

    def _fixed(self, schema: dict[str, Any], namespace: str, _depth: int) -> AvroType:
        fixed, _ = self._name("fixed", schema, namespace)
        fixed.size = schema.get("size", -1)
        if type(fixed.size) is not int or fixed.size < 0:
            raise Misfit(f"The size of {fixed.label} is not a number of bytes.")
        return fixed

    def _array(self, schema: dict[str, Any], namespace: str, depth: int) -> AvroType:
        if "items" not in schema:
            raise Misfit("An array has no items.")
        return AvroType("array", parts=[self.read(schema["items"], namespace, depth + 1)])

    def _map(self, schema: dict[str, Any], namespace: str, depth: int) -> AvroType:
        if "values" not in schema:
            raise Misfit("A map has no values.")
        return AvroType("map", parts=[self.read(schema["values"], namespace, depth + 1)])

    def _name(self, kind: str, schema: dict[str, Any], namespace: str) -> tuple[AvroType, str]:
        """Return a new named type, and the namespace of what it contains."""
        name, space = schema.get("name"), schema.get("namespace", namespace)
        if not isinstance(name, str) or not _FULL_NAME.fullmatch(name) or name in PRIMITIVES:
            raise Misfit(f"{name!r} is not a valid name.")
        if not isinstance(space, str) or (space and not _FULL_NAME.fullmatch(space)):
            raise Misfit(f"{space!r} is not a valid namespace.")
        full = _full(name, space)
        if full in self._named:
            raise Misfit(f"There are two types {full}.")
        space = full.rpartition(".")[0]
        named = AvroType(kind, [full, *(_full(alias, space) for alias in _aliases(schema))])
        self._named[full] = named
        return named, space


def _full(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _aliases(schema: dict[str, Any]) -> list[str]:
    return _listed(schema, "aliases", str) if "aliases" in schema else []


def _listed(schema: dict[str, Any], key: str, kind: type) -> list[Any]:
    entries = schema.get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, kind) for entry in entries):
        raise Misfit(f"{schema.get('name', 'A type')}: {key} is missing or invalid.")
    return entries


def _check_unique(names: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise Misfit(f"{name} appears twice as a {what}.")
        seen.add(name)


def _check_default(kind: AvroType, default: object, name: str) -> None:
    try:
        check_default(kind, default)
    except Misfit as error:
        raise Misfit(f"The default of {name} is invalid: {error}") from None
