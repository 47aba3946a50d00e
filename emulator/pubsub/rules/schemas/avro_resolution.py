"""Whether a reader with one Avro schema can read what was written with another.

https://avro.apache.org/docs/1.11.1/specification/#schema-resolution
"""

from emulator.pubsub.rules.schemas.avro_types import AvroType
from emulator.pubsub.rules.schemas.definition import Misfit

_PROMOTIONS = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}


def check_readable(reader: AvroType, writer: AvroType) -> None:
    """Check that a reader can read everything that a writer may have written.

    Raises:
        Misfit: If it cannot.
    """
    _Resolution().check(reader, writer, "the schema")


class _Resolution:
    def __init__(self) -> None:
        # Recursive types meet again; they are readable unless something else in them is not.
        self._met: set[tuple[int, int]] = set()

    def check(self, reader: AvroType, writer: AvroType, path: str) -> None:
        if (id(reader), id(writer)) in self._met:
            return
        self._met.add((id(reader), id(writer)))
        if writer.kind == "union":
            for branch in writer.parts:
                self.check(reader, branch, path)
        elif reader.kind == "union":
            if not any(self._fits(branch, writer) for branch in reader.parts):
                raise _incompatible(path, reader, writer)
        elif reader.kind != writer.kind:
            if reader.kind not in _PROMOTIONS.get(writer.kind, ()):
                raise _incompatible(path, reader, writer)
        else:
            self._same_kind(reader, writer, path)

    def _fits(self, reader: AvroType, writer: AvroType) -> bool:
        attempt = _Resolution()
        attempt._met = set(self._met)
        try:
            attempt.check(reader, writer, "")
        except Misfit:
            return False
        return True

    def _same_kind(self, reader: AvroType, writer: AvroType, path: str) -> None:
        if reader.names and not _same_name(reader, writer):
            raise Misfit(f"{path} is called {reader.label}, not {writer.label}.")
        if reader.size != writer.size:
            raise Misfit(f"{path} has {reader.size} bytes, not {writer.size}.")
        missing = [symbol for symbol in writer.symbols if symbol not in reader.symbols]
        if missing and not reader.has_default:
            raise Misfit(f"{path} does not have the symbol {missing[0]}.")
        if reader.parts:
            self.check(reader.parts[0], writer.parts[0], path)
        written = {field.names[0]: field for field in writer.fields}
        for field in reader.fields:
            source = next((written[name] for name in field.names if name in written), None)
            if source is not None:
                self.check(field.type, source.type, field.names[0])
            elif not field.has_default:
                raise Misfit(f"{field.names[0]} has no default, and is not in both revisions.")


def _same_name(reader: AvroType, writer: AvroType) -> bool:
    """Compare unqualified names, as the specification recommends, and aliases in full."""
    same = reader.label.rpartition(".")[2] == writer.label.rpartition(".")[2]
    return same or writer.label in reader.names


def _incompatible(path: str, reader: AvroType, writer: AvroType) -> Misfit:
    return Misfit(f"{path} of type {reader.label} is not compatible with type {writer.label}.")
