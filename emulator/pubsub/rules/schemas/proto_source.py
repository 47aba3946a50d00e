"""Reads the source of a `.proto` file into a `FileDescriptorProto`, without protoc.

It reads what Pub/Sub allows in a schema: one file without imports, with messages, enums, maps and
oneofs, in proto2, proto3 or an edition. Whether names and numbers are valid is left to the protobuf
library, which the descriptor is given to.

docs/decisions/0015-schemas.md says why protoc itself is not used.

https://protobuf.dev/reference/protobuf/proto3-spec/
"""

import re
from collections.abc import Callable
from typing import Any

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from emulator.pubsub.rules.schemas.definition import MAX_DEPTH, Misfit

_TOKEN = re.compile(
    r"""\s+|//[^\n]*|/\*.*?\*/
    |(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    |(?P<number>(?:0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?))
    |(?P<word>[A-Za-z_.][A-Za-z0-9_.]*)
    |(?P<sign>[{}()\[\]<>;,=:+-])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_ESCAPED = dict(zip(b"abfnrtv", b"\a\b\f\n\r\t\v", strict=True))

_SCALARS = {
    name: getattr(FieldDescriptorProto, f"TYPE_{name.upper()}")
    for name in (
        *("double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool"),
        *("string", "bytes", "uint32", "sfixed32", "sfixed64", "sint32", "sint64"),
    )
}
_LABELS = {
    "optional": FieldDescriptorProto.LABEL_OPTIONAL,
    "required": FieldDescriptorProto.LABEL_REQUIRED,
    "repeated": FieldDescriptorProto.LABEL_REPEATED,
}
_RESERVED_FIELDS = range(19_000, 20_000)
_MAX_FIELD, _MAX_ENUM = 536_870_911, 2**31 - 1


def parse(source: str) -> Any:
    """Return the `FileDescriptorProto` of a source.

    Raises:
        Misfit: If the source is invalid, or uses what Pub/Sub does not allow.
    """
    return _Parser(source).file()


class _Parser:
    """Reads one source by recursive descent."""

    def __init__(self, source: str) -> None:
        self._tokens = _tokens(source)
        self._at = 0
        self._syntax = "proto2"

    def file(self) -> Any:
        file = descriptor_pb2.FileDescriptorProto(name="schema.proto", syntax="proto2")
        statements: dict[str, Callable[[], None]] = {
            "syntax": lambda: self._set_syntax(file),
            "edition": lambda: self._set_edition(file),
            "package": lambda: self._set_package(file),
            "option": lambda: self._option_statement(file.options),
            "message": lambda: self._message(file.message_type.add(), 1),
            "enum": lambda: self._enum(file.enum_type.add()),
            ";": lambda: None,
        }
        while self._peek():
            word = self._next()
            if word not in statements:
                raise Misfit(
                    f"Line {self._line()}: {word} is not allowed. A schema is one file with one"
                    " message, without imports, services or extensions."
                )
            statements[word]()
        return file

    def _set_syntax(self, file: Any) -> None:
        self._expect("=")
        file.syntax = self._syntax = self._string().decode()
        if file.syntax not in ("proto2", "proto3"):
            raise Misfit(f"There is no syntax {file.syntax}.")
        self._expect(";")

    def _set_edition(self, file: Any) -> None:
        self._expect("=")
        edition = self._string().decode()
        value = descriptor_pb2.Edition.DESCRIPTOR.values_by_name.get(f"EDITION_{edition}")
        if value is None or not edition.isdigit():
            raise Misfit(f"There is no edition {edition}.")
        file.syntax, file.edition, self._syntax = "editions", value.number, "editions"
        self._expect(";")

    def _set_package(self, file: Any) -> None:
        file.package = self._next()
        self._expect(";")

    def _message(self, message: Any, depth: int) -> None:
        if depth > MAX_DEPTH // 2:
            raise Misfit(f"Messages are nested deeper than {MAX_DEPTH // 2} levels.")
        message.name = self._next()
        self._expect("{")
        while (word := self._next()) != "}":
            # A type may have such a name too; then the name of a field and = follow.
            statement = self._peek(1) != "="
            if word == ";":
                continue
            if word == "message" and statement:
                self._message(message.nested_type.add(), depth + 1)
            elif word == "enum" and statement:
                self._enum(message.enum_type.add())
            elif word == "option":
                self._option_statement(message.options)
            elif word == "oneof" and statement:
                self._oneof(message)
            elif word == "reserved":
                self._reserved(message, _MAX_FIELD, 1)
            elif word == "extensions":
                self._ranges(message.extension_range, _MAX_FIELD, 1)
            elif word == "map" and self._peek() == "<":
                self._map(message)
            elif word in ("extend", "group") and statement:
                raise Misfit(f"Line {self._line()}: {word} is not supported.")
            else:
                self._labelled(message, word)
        # Each is in a oneof of its own, behind all others.
        for field in message.field:
            if field.proto3_optional:
                field.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{field.name}")

    def _labelled(self, message: Any, word: str) -> None:
        label = _LABELS.get(word)
        if label is None:
            if self._syntax == "proto2":
                raise self._unexpected(word, "optional, required or repeated")
            self._field(message, word)
            return
        if word == "required" and self._syntax != "proto2":
            raise Misfit(f"Line {self._line()}: required is for proto2 only.")
        if word == "optional" and self._syntax == "editions":
            raise Misfit(f"Line {self._line()}: optional is not allowed in an edition.")
        field = self._field(message, self._next(), label)
        if word == "optional" and self._syntax == "proto3":
            field.proto3_optional = True

    def _field(
        self, message: Any, type_name: str, label: int = FieldDescriptorProto.LABEL_OPTIONAL
    ) -> Any:
        if type_name == "group":
            raise Misfit(f"Line {self._line()}: group is not supported.")
        field = message.field.add(label=label)
        if type_name in _SCALARS:
            field.type = _SCALARS[type_name]
        else:
            field.type_name = self._identifier(type_name)
        field.name = self._identifier(self._next())
        self._expect("=")
        field.number = self._whole(_MAX_FIELD, 1)
        if field.number in _RESERVED_FIELDS:
            raise Misfit(f"Line {self._line()}: {field.number} is reserved for protobuf itself.")
        self._options(field.options, field)
        self._expect(";")
        return field

    def _map(self, message: Any) -> None:
        self._expect("<")
        key = self._next()
        self._expect(",")
        value = self._next()
        self._expect(">")
        if key not in _SCALARS or key in ("double", "float", "bytes"):
            raise Misfit(f"Line {self._line()}: {key} cannot be the key of a map.")
        field = self._field(message, "string", FieldDescriptorProto.LABEL_REPEATED)
        entry = message.nested_type.add(name=_camel_case(field.name) + "Entry")
        entry.options.map_entry = True
        for number, (name, kind) in enumerate((("key", key), ("value", value)), 1):
            part = entry.field.add(name=name, number=number, label=_LABELS["optional"])
            if kind in _SCALARS:
                part.type = _SCALARS[kind]
            else:
                part.type_name = self._identifier(kind)
        field.type = FieldDescriptorProto.TYPE_MESSAGE
        field.type_name = entry.name

    def _oneof(self, message: Any) -> None:
        index = len(message.oneof_decl)
        oneof = message.oneof_decl.add(name=self._identifier(self._next()))
        self._expect("{")
        while (word := self._next()) != "}":
            if word == "option":
                self._option_statement(oneof.options)
            elif word in _LABELS or word == "map":
                raise Misfit(f"Line {self._line()}: {word} is not allowed in a oneof.")
            elif word != ";":
                self._field(message, word).oneof_index = index

    def _enum(self, enum: Any) -> None:
        enum.name = self._identifier(self._next())
        self._expect("{")
        while (word := self._next()) != "}":
            if word == "option":
                self._option_statement(enum.options)
            elif word == "reserved":
                self._reserved(enum, _MAX_ENUM, -_MAX_ENUM - 1)
            elif word != ";":
                value = enum.value.add(name=self._identifier(word))
                self._expect("=")
                value.number = self._whole(_MAX_ENUM, -_MAX_ENUM - 1)
                self._options(value.options)
                self._expect(";")

    def _reserved(self, owner: Any, highest: int, lowest: int) -> None:
        if self._peek()[:1] not in ("'", '"') and not self._peek()[:1].isalpha():
            self._ranges(owner.reserved_range, highest, lowest, is_enum=lowest < 0)
            return
        while True:
            quoted = self._peek()[:1] in ("'", '"')
            owner.reserved_name.append(self._string().decode() if quoted else self._next())
            if self._next_of(",", ";") == ";":
                return

    def _ranges(self, ranges: Any, highest: int, lowest: int, *, is_enum: bool = False) -> None:
        while True:
            start = end = self._whole(highest, lowest)
            if self._peek() == "to":
                self._next()
                end = highest if self._peek() == "max" else self._whole(highest, lowest)
                if self._peek() == "max":
                    self._next()
            # The end of a range of fields is exclusive, that of values inclusive.
            ranges.add(start=start, end=end if is_enum else end + 1)
            if self._next_of(",", ";") == ";":
                return

    def _options(self, options: Any, field: Any = None) -> None:
        """Read options in brackets, if there are some."""
        if self._peek() != "[":
            return
        self._next()
        while True:
            if field is not None and self._peek() in ("default", "json_name"):
                name = self._next()
                self._expect("=")
                is_text = name == "json_name" or field.type == FieldDescriptorProto.TYPE_STRING
                field_name = "default_value" if name == "default" else name
                setattr(field, field_name, self._string().decode() if is_text else self._constant())
            else:
                self._option(options)
            if self._next_of(",", "]") == "]":
                return

    def _option_statement(self, options: Any) -> None:
        self._option(options)
        self._expect(";")

    def _option(self, options: Any) -> None:
        name = self._next()
        if name == "(":
            raise Misfit(
                f"Line {self._line()}: custom options need imports, which are not allowed."
            )
        *path, last = name.split(".")
        for part in path:
            step = options.DESCRIPTOR.fields_by_name.get(part)
            if step is None or step.message_type is None or step.is_repeated:
                raise Misfit(f"Line {self._line()}: there is no option {name}.")
            options = getattr(options, part)
        self._expect("=")
        option = options.DESCRIPTOR.fields_by_name.get(last)
        if option is None or option.message_type or option.is_repeated or last == "map_entry":
            raise Misfit(f"Line {self._line()}: there is no option {name}.")
        try:
            setattr(options, last, self._value_of(option))
        except (TypeError, ValueError, KeyError):
            raise Misfit(f"Line {self._line()}: invalid value of the option {name}.") from None

    def _value_of(self, option: Any) -> Any:
        if option.type == option.TYPE_STRING:
            return self._string().decode()
        constant = self._constant()
        if option.type == option.TYPE_BOOL:
            return {"true": True, "false": False}[constant]
        if option.enum_type is not None:
            return option.enum_type.values_by_name[constant].number
        return int(constant, 0)

    def _constant(self) -> str:
        """Read a number, a name or a string, as the descriptor has it."""
        if self._peek()[:1] in ("'", '"'):
            # Of bytes; the descriptor has them with escapes.
            return "".join(_escaped(byte) for byte in self._string())
        sign = self._next() if self._peek() in ("+", "-") else ""
        return sign.replace("+", "") + self._next()

    def _string(self) -> bytes:
        """Read one or several adjacent strings."""
        if self._peek()[:1] not in ("'", '"'):
            raise self._unexpected(self._next(), "a string")
        content = b""
        while self._peek()[:1] in ("'", '"'):
            content += _ESCAPE.sub(_unescape, self._next()[1:-1].encode())
        return content

    def _whole(self, highest: int, lowest: int) -> int:
        sign = self._next() if self._peek() == "-" else ""
        digits = self._next()
        octal = len(digits) > 1 and digits.isdigit() and digits.startswith("0")
        try:
            number = int(sign + digits, 8 if octal else 0)
        except ValueError:
            raise self._unexpected(digits, "a whole number") from None
        if not lowest <= number <= highest:
            raise Misfit(f"Line {self._line()}: {number} is not between {lowest} and {highest}.")
        return number

    def _identifier(self, word: str) -> str:
        if not word[:1].isalpha() and word[:1] not in ("_", "."):
            raise self._unexpected(word, "a name")
        return word

    def _peek(self, ahead: int = 0) -> str:
        """Return a token that has not been read; an empty string at the end."""
        at = self._at + ahead
        return self._tokens[at][0] if at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise Misfit("The source ends too early.")
        self._at += 1
        return token

    def _next_of(self, *allowed: str) -> str:
        token = self._next()
        if token not in allowed:
            raise self._unexpected(token, " or ".join(allowed))
        return token

    def _expect(self, wanted: str) -> None:
        self._next_of(wanted)

    def _line(self) -> int:
        """Return the line of the token that was read last."""
        return self._tokens[self._at - 1][1]

    def _unexpected(self, token: str, wanted: str) -> Misfit:
        return Misfit(f"Line {self._line()}: expected {wanted}, not {token}.")


def _tokens(source: str) -> list[tuple[str, int]]:
    """Split a source into tokens, each with the number of its line."""
    tokens = []
    at, line = 0, 1
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            raise Misfit(f"Line {line}: unexpected {source[at]!r}.")
        if match.lastgroup:
            tokens.append((match.group(), line))
        line += match.group().count("\n")
        at = match.end()
    return tokens


def _unescape(match: re.Match[bytes]) -> bytes:
    escape = match.group(1)
    if escape[:1] == b"x" and len(escape) > 1:
        return bytes((int(escape[1:], 16),))
    if escape.isdigit():
        return bytes((int(escape, 8) & 0xFF,))
    return bytes((_ESCAPED.get(escape[0], escape[0]),)) + escape[1:]


def _escaped(byte: int) -> str:
    plain = 0x20 <= byte < 0x7F and byte not in b"\"'\\"
    return chr(byte) if plain else f"\\{byte:03o}"


def _camel_case(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
