"""The types of Avro."""

from dataclasses import dataclass, field

PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})


@dataclass(eq=False)
class Field:
    """A field of a record.

    Attributes:
        names: Its name, then its aliases.
        type: What it contains.
        has_default: Whether a reader that finds no such field uses a default.
    """

    names: list[str]
    type: "AvroType"
    has_default: bool


@dataclass(eq=False)
class AvroType:
    """A type of any kind; a recursive type refers to itself.

    Attributes:
        kind: A primitive, `record`, `enum`, `fixed`, `array`, `map` or `union`.
        names: Full name of a record, enum or fixed, then its aliases.
        fields: Those of a record.
        symbols: Those of an enum.
        has_default: Whether an enum has a default symbol.
        size: Bytes of a fixed.
        parts: The items of an array, the values of a map, or the branches of a union.
    """

    kind: str
    names: list[str] = field(default_factory=list)
    fields: list[Field] = field(default_factory=list)
    symbols: list[str] = field(default_factory=list)
    has_default: bool = False
    size: int = 0
    parts: list["AvroType"] = field(default_factory=list)

    @property
    def label(self) -> str:
        """What a union calls this type in JSON: the full name, or the kind."""
        return self.names[0] if self.names else self.kind
