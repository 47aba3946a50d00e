"""Definitions in Protocol Buffers."""

from collections.abc import Iterable
from typing import Any, Self

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from emulator.pubsub.rules.schemas import proto_source
from emulator.pubsub.rules.schemas.definition import JSON, MAX_DEPTH, Misfit


class ProtobufDefinition:
    """A message type."""

    language = "PROTOCOL_BUFFER"

    def __init__(self, descriptor: Any) -> None:
        """Use a message descriptor."""
        self._descriptor = descriptor
        self._type = message_factory.GetMessageClass(descriptor)

    @classmethod
    def from_source(cls, source: str) -> Self:
        """Read the source of a `.proto` file; `Misfit` says what is wrong with it.

        It must define exactly one type. https://docs.cloud.google.com/pubsub/docs/schemas
        """
        file = proto_source.parse(source)
        if len(file.message_type) != 1 or file.enum_type:
            raise Misfit("It must define exactly one top-level type, a message.")
        package = f"{file.package}." if file.package else ""
        return cls(_build([file], package + file.message_type[0].name))

    @classmethod
    def from_compiled(cls, compiled: bytes, root: str) -> Self:
        """Read a serialized `FileDescriptorSet`.

        Args:
            compiled: The files, each after those that it imports.
            root: Full name of the message type.
        """
        try:
            files = descriptor_pb2.FileDescriptorSet.FromString(compiled).file
        except DecodeError:
            raise Misfit("compiled_bytes is not a FileDescriptorSet.") from None
        return cls(_build(files, root))

    def check(self, encoding: int, data: bytes) -> None:
        """Check the data of a message; for what it raises see `Definition`."""
        message = self._type()
        try:
            if encoding == JSON:
                if not data.lstrip().startswith(b"{"):
                    raise Misfit("It is not a JSON object.")
                json_format.Parse(data, message, max_recursion_depth=MAX_DEPTH)
            else:
                message.ParseFromString(data)
        except (DecodeError, json_format.ParseError, UnicodeDecodeError, RecursionError) as error:
            raise Misfit(str(error)) from None
        missing = message.FindInitializationErrors()
        if missing:
            raise Misfit(f"Required fields are missing: {', '.join(missing)}.")
        # Production refuses them, unlike a parser.
        _check_known(message)

    def check_revision_of(self, earlier: "ProtobufDefinition") -> None:
        """Check that only optional fields were added or removed.

        https://docs.cloud.google.com/pubsub/docs/commit-schema-revision
        """
        _check_same(self._descriptor, earlier._descriptor, set())


def _build(files: Iterable[Any], root: str) -> Any:
    pool = descriptor_pool.DescriptorPool()
    try:
        for file in files:
            pool.Add(file)
        return pool.FindMessageTypeByName(root)
    except KeyError:
        raise Misfit(f"There is no message {root}.") from None
    except (TypeError, ValueError) as error:
        raise Misfit(str(error)) from None


def _check_known(message: Any) -> None:
    unknown = UnknownFieldSet(message)
    if len(unknown):
        number = unknown[0].field_number
        raise Misfit(f"{message.DESCRIPTOR.name} has no field with the number {number}.")
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            if field.message_type.fields_by_name["value"].message_type is not None:
                for item in value.values():
                    _check_known(item)
        else:
            for item in value if field.is_repeated else [value]:
                _check_known(item)


def _check_same(new: Any, old: Any, met: set[tuple[str, str]]) -> None:
    """Check that two message types differ in optional fields only."""
    if (new.full_name, old.full_name) in met:
        return
    met.add((new.full_name, old.full_name))
    for number in sorted({*new.fields_by_number, *old.fields_by_number}):
        added, removed = new.fields_by_number.get(number), old.fields_by_number.get(number)
        if added is None or removed is None:
            only = added or removed
            if only.is_required:
                raise Misfit(f"{only.name} is required, so it cannot be added or removed.")
            continue
        for what in ("name", "type", "is_repeated", "is_required"):
            if getattr(added, what) != getattr(removed, what):
                raise Misfit(
                    f"{_described(added)} is not compatible with {_described(removed)}: a field"
                    " cannot be changed."
                )
        if added.message_type is not None:
            _check_same(added.message_type, removed.message_type, met)
        if added.enum_type is not None:
            _check_values(added.enum_type, removed.enum_type)


def _check_values(new: Any, old: Any) -> None:
    numbers = {value.name: value.number for value in old.values}
    for value in new.values:
        if numbers.get(value.name, value.number) != value.number:
            raise Misfit(f"The number of {new.name}.{value.name} cannot be changed.")


def _described(field: Any) -> str:
    kinds = descriptor_pb2.FieldDescriptorProto.Type
    kind = kinds.Name(field.type).removeprefix("TYPE_").lower()
    label = "repeated " if field.is_repeated else "required " if field.is_required else ""
    return f"{field.name} of type {label}{kind}"
