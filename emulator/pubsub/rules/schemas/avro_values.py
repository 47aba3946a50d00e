"""Checks data against an Avro type, in Avro's JSON and binary encodings.

https://avro.apache.org/docs/1.11.1/specification/#encodings
"""

from typing import Any

from emulator.pubsub.rules.schemas.avro_types import AvroType
from emulator.pubsub.rules.schemas.definition import MAX_DEPTH, Misfit

_BITS = {"int": 32, "long": 64}
_FLOATS = {"float": 4, "double": 8}
_NOT_FINITE = ("NaN", "Infinity", "-Infinity")


def check_json(kind: AvroType, value: Any, path: str = "It") -> None:
    """Check parsed JSON. As in production, fields that the schema does not name are allowed.

    Raises:
        Misfit: If it does not fit.
    """
    _Json(defaults=False).check(kind, value, path, 0)


def check_default(kind: AvroType, value: Any) -> None:
    """Check the default of a field: of a union, it must fit the first branch, without its name.

    Raises:
        Misfit: If it does not fit.
    """
    _Json(defaults=True).check(kind, value, "It", 0)


class _Json:
    def __init__(self, *, defaults: bool) -> None:
        self._defaults = defaults

    def check(self, kind: AvroType, value: Any, path: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise Misfit(f"It is nested deeper than {MAX_DEPTH} levels.")
        match kind.kind:
            case "record":
                self._record(kind, value, path, depth)
            case "union":
                self._union(kind, value, path, depth)
            case "array" if isinstance(value, list):
                for number, item in enumerate(value):
                    self.check(kind.parts[0], item, f"{path}[{number}]", depth + 1)
            case "map" if isinstance(value, dict):
                for key, item in value.items():
                    self.check(kind.parts[0], item, f"{path}[{key!r:.40}]", depth + 1)
            case _ if not _is_scalar(kind, value):
                raise Misfit(f"{path} is not of type {kind.label}.")

    def _record(self, kind: AvroType, value: Any, path: str, depth: int) -> None:
        if not isinstance(value, dict):
            raise Misfit(f"{path} is not of type {kind.label}.")
        for field in kind.fields:
            name = field.names[0]
            if name in value:
                self.check(field.type, value[name], name, depth + 1)
            elif not (self._defaults and field.has_default):
                raise Misfit(f"Field was not found in JSON object: {name}.")

    def _union(self, kind: AvroType, value: Any, path: str, depth: int) -> None:
        if self._defaults:
            if not kind.parts:
                raise Misfit("An empty union has no values.")
            self.check(kind.parts[0], value, path, depth + 1)
            return
        branches = {part.label: part for part in kind.parts}
        if value is None and "null" in branches:
            return
        names = list(value) if isinstance(value, dict) else []
        if len(names) != 1 or names[0] not in branches or names[0] == "null":
            raise Misfit(
                f"{path} is a union, so it must be null or an object with one of these names:"
                f" {', '.join(name for name in branches if name != 'null')}."
            )
        self.check(branches[names[0]], value[names[0]], path, depth + 1)


def _is_scalar(kind: AvroType, value: Any) -> bool:
    match kind.kind:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "int" | "long":
            return type(value) is int and -1 <= value >> (_BITS[kind.kind] - 1) <= 0
        case "float" | "double":
            return type(value) in (int, float) or value in _NOT_FINITE
        case "string":
            return isinstance(value, str)
        case "enum":
            return value in kind.symbols
        case "bytes" | "fixed":
            # One character for each byte.
            is_bytes = isinstance(value, str) and all(ord(character) < 256 for character in value)
            return is_bytes and (kind.kind == "bytes" or len(value) == kind.size)
    return False


def check_binary(kind: AvroType, data: bytes) -> None:
    """Check binary data. As in Google's emulator, bytes behind the value are allowed.

    Raises:
        Misfit: If it does not fit.
    """
    _Binary(data).skip(kind, 0)


class _Binary:
    """Walks over binary data."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def skip(self, kind: AvroType, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise Misfit(f"It is nested deeper than {MAX_DEPTH} levels.")
        match kind.kind:
            case "boolean":
                if self._take(1) not in (b"\0", b"\1"):
                    raise Misfit("A boolean is neither 0 nor 1.")
            case "int" | "long":
                self._number(_BITS[kind.kind])
            case "float" | "double":
                self._take(_FLOATS[kind.kind])
            case "bytes":
                self._take(self._number())
            case "string":
                self._text()
            case "fixed":
                self._take(kind.size)
            case "enum":
                self._index(kind.symbols, "symbol")
            case "union":
                self.skip(self._index(kind.parts, "branch"), depth + 1)
            case "record":
                for field in kind.fields:
                    self.skip(field.type, depth + 1)
            case "array" | "map":
                self._blocks(kind, depth)

    def _blocks(self, kind: AvroType, depth: int) -> None:
        while count := self._number():
            if count < 0:
                count = -count
                self._number()  # the size of the block
            for _ in range(count):
                before = self._at
                if kind.kind == "map":
                    self._text()
                self.skip(kind.parts[0], depth + 1)
                if self._at == before:
                    break  # values that take no space need not be counted

    def _index(self, entries: list[Any], what: str) -> Any:
        index = self._number()
        if not 0 <= index < len(entries):
            raise Misfit(f"There is no {what} {index}.")
        return entries[index]

    def _text(self) -> None:
        try:
            self._take(self._number()).decode()
        except UnicodeDecodeError:
            raise Misfit("A string is not UTF-8.") from None

    def _number(self, bits: int = 64) -> int:
        """Read a number: 7 bits per byte, lowest first, the sign last (zigzag)."""
        encoded = shift = 0
        while True:
            byte = self._take(1)[0]
            encoded |= (byte & 0x7F) << shift
            if not byte & 0x80:
                break
            shift += 7
            if shift > bits:
                raise Misfit("A number is too long.")
        if encoded >> bits:
            raise Misfit("A number is too large.")
        return encoded >> 1 ^ -(encoded & 1)

    def _take(self, count: int) -> bytes:
        end = self._at + count
        if count < 0 or end > len(self._data):
            raise Misfit("It ends too early.")
        taken = self._data[self._at : end]
        self._at = end
        return taken
