import random

import pytest
from google.protobuf import descriptor_pb2

from emulator.pubsub.rules.schemas import proto_source
from emulator.pubsub.rules.schemas.definition import BINARY, JSON, Misfit
from emulator.pubsub.rules.schemas.protobuf import ProtobufDefinition

define = ProtobufDefinition.from_source


def state(body, head='syntax = "proto3";'):
    return f"{head} message State {{ {body} }}"


EVERYTHING = """
syntax = "proto3";  // with comments
package shop.v1;
option java_package = "com.example"; option optimize_for = CODE_SIZE;
/* of all
   kinds */
message Order {
  option deprecated = true;
  string id = 1;
  optional int32 count = 2 [deprecated = true, json_name = "howMany"];
  repeated Line lines = 3;
  map<string, int64> stock = 4;
  map<int32, Line> by_number = 5;
  oneof payment { string card = 6; bytes token = 0x7; }
  message Line { string name = 1; Order parent = 2; .shop.v1.Order root = 3; }
  enum Colour { option allow_alias = true; NONE = 0; RED = 1; ROT = 1; reserved -5 to -1, 9; }
  Colour colour = 010;
  repeated int32 numbers = 9 [packed = false];
  string message = 10; string option = 11; string reserved = 15;
  reserved 12, 20 to max; reserved "old", 'older';
  ;
}
"""


def test_all_that_a_schema_may_contain_is_read():
    definition = define(EVERYTHING)
    definition.check(
        JSON,
        b"""{"id": "a", "howMany": 3, "lines": [{"name": "x", "parent": {"id": "b"}}], "card": "c",
        "stock": {"a": "5"}, "byNumber": {"7": {"name": "y"}}, "colour": "ROT", "numbers": [1, 2],
        "message": "m", "option": "o", "reserved": "r"}""",
    )
    with pytest.raises(Misfit, match=r"oneof|payment"):
        define(EVERYTHING).check(JSON, b'{"card": "c", "token": "AA=="}')


def test_the_descriptor_is_what_protoc_makes():
    file = proto_source.parse(EVERYTHING)
    order = file.message_type[0]
    fields = {field.name: field for field in order.field}
    assert (file.package, file.syntax, file.options.java_package) == (
        "shop.v1",
        "proto3",
        "com.example",
    )
    assert fields["count"].proto3_optional
    assert order.oneof_decl[fields["count"].oneof_index].name == "_count"
    assert order.oneof_decl[fields["card"].oneof_index].name == "payment"
    assert [entry.name for entry in order.nested_type] == ["StockEntry", "ByNumberEntry", "Line"]
    assert order.nested_type[0].options.map_entry
    assert (fields["colour"].number, fields["token"].number) == (8, 7)
    assert [(r.start, r.end) for r in order.reserved_range] == [(12, 13), (20, 2**29)]
    assert list(order.reserved_name) == ["old", "older"]
    assert [(r.start, r.end) for r in order.enum_type[0].reserved_range] == [(-5, -1), (9, 9)]
    assert fields["numbers"].options.HasField("packed")


def test_proto2_has_required_fields_and_defaults():
    source = state(
        'required string name = 1 [default = "a\\"b\\x41"];'
        " optional float size = 2 [default = -1.5];"
        ' optional bytes raw = 3 [default = "\\000\\n"]; optional Kind kind = 4 [default = OTHER];'
        " enum Kind { SOME = 1; OTHER = 2; } extensions 100 to max;",
        head="",
    )
    fields = proto_source.parse(source).message_type[0].field
    assert [field.default_value for field in fields] == ['a"bA', "-1.5", r"\000\012", "OTHER"]
    definition = define(source)
    definition.check(JSON, b'{"name": "x"}')
    for encoding, data in ((JSON, b"{}"), (BINARY, b"")):
        with pytest.raises(Misfit, match=r"name"):
            definition.check(encoding, data)


def test_editions_have_features():
    source = state(
        "string name = 1; int32 size = 2 [features.field_presence = LEGACY_REQUIRED];",
        head='edition = "2023"; option features.field_presence = IMPLICIT;',
    )
    with pytest.raises(Misfit, match="size"):
        define(source).check(BINARY, b"")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("", "exactly one top-level type"),
        (state("") + "message Other {}", "exactly one top-level type"),
        (state("") + "enum Kind { NONE = 0; }", "exactly one top-level type"),
        ('import "a.proto";' + state(""), "Line 1: import is not allowed"),
        (state("") + "service S {}", "service is not allowed"),
        (state("string a = 1; string b = 1;"), "duplicate field number"),
        (state("string a = 1; string a = 2;"), "duplicate field name"),
        (state("Nope a = 1;"), "couldn't resolve name 'Nope'"),
        (state("string a = 0;"), "0 is not between"),
        (state("string a = 19500;"), "reserved for protobuf"),
        (state("string a = x;"), "expected a whole number"),
        (state("string 1a = 1;"), "expected a name"),
        (state("required string a = 1;"), "required is for proto2"),
        (state("string a = 1;", head=""), "expected optional, required or repeated"),
        (state("optional group A = 1 {}", head=""), "group is not supported"),
        (state("extend Other {}"), "extend is not supported"),
        (state("map<double, string> a = 1;"), "cannot be the key"),
        (state("oneof a { repeated string b = 1; }"), "not allowed in a oneof"),
        (state("enum Kind { SOME = 1; }"), "first value must be zero"),
        (state("string a = 1 [(custom) = 3];"), "custom options"),
        (state("string a = 1 [nope = 3];"), "no option nope"),
        (state("string a = 1 [deprecated = 3];"), "invalid value of the option"),
        (state("string a = 1", head='syntax = "proto4";'), "no syntax proto4"),
        (state("", head='edition = "1990";'), "no edition 1990"),
        (state("optional string a = 1;", head='edition = "2023";'), "optional is not allowed"),
        ("message State {", "ends too early"),
        ("message State {}\n\n  ?", "Line 3: unexpected"),
        ("message A {" * 1000, "nested deeper"),
        ('syntax = "prot', "unexpected '\"'"),
    ],
)
def test_what_a_schema_must_not_contain_is_refused_with_the_reason(source, says):
    with pytest.raises(Misfit, match=says):
        define(source)


def test_chance_sources_are_read_or_refused_and_nothing_else():
    chance = random.Random(19)
    words = [*EVERYTHING.split(), *"{};=[]<>,-", "1", '"', "group", "extend", "map", "to"]
    refused = 0
    for _ in range(2000):
        tokens = EVERYTHING.split()
        for _ in range(chance.randrange(1, 4)):
            tokens[chance.randrange(len(tokens))] = chance.choice(words)
        try:
            define(" ".join(tokens))
        except Misfit:
            refused += 1
    assert refused > 100


NESTED = state("string a = 1; map<string, State> m = 2; repeated State many = 3;")


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        (JSON, b'{"a": "x"}'),
        (JSON, b" {}"),
        (JSON, b'{"m": {"k": {"many": [{}]}}}'),
        (BINARY, b""),
        (BINARY, b"\x0a\x01x"),
    ],
)
def test_a_message_that_fits_is_taken(encoding, data):
    define(NESTED).check(encoding, data)


@pytest.mark.parametrize(
    ("encoding", "data", "says"),
    [
        (JSON, b"", "not a JSON object"),
        (JSON, b"[]", "not a JSON object"),
        (JSON, b"{", "Failed to load JSON"),
        (JSON, b'{"\xff": 1}', "utf-8"),
        (JSON, b'{"a": 3}', "a field"),
        (JSON, b'{"b": 3}', "no field named"),
        (BINARY, b"\x0a\x05x", "corrupt"),
        (BINARY, b"\x0a\x01\xff", "."),
        (BINARY, b"\x22\x01x", "no field with the number 4"),
        (BINARY, b"\x12\x07\x0a\x01k\x12\x02\x20\x01", "no field with the number 4"),
        (BINARY, b"\x1a\x02\x20\x01", "no field with the number 4"),
    ],
)
def test_a_message_that_does_not_fit_is_refused(encoding, data, says):
    with pytest.raises(Misfit, match=says):
        define(NESTED).check(encoding, data)


@pytest.mark.parametrize(
    "body",
    [
        "string name = 1; int32 size = 2; bool new = 3;",
        "string name = 1;",
        "int32 size = 2; string name = 1; State next = 7;",
    ],
)
def test_a_revision_may_add_and_remove_optional_fields(body):
    define(state(body)).check_revision_of(define(state("string name = 1; int32 size = 2;")))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("optional int32 size = 2;", "name is required"),
        (
            "required string name = 1; optional string size = 2;",
            "size of type string is not compatible with size of type int32",
        ),
        ("required string name = 1; optional int32 length = 2;", "length of type int32"),
        ("required string name = 1; repeated int32 size = 2;", "repeated int32"),
        ("required string name = 1; required bool new = 3;", "new is required"),
    ],
)
def test_a_revision_that_changes_a_field_is_refused(body, says):
    before = state("required string name = 1; optional int32 size = 2;", head="")
    with pytest.raises(Misfit, match=says):
        define(state(body, head="")).check_revision_of(define(before))


def test_a_revision_is_compared_in_its_nested_types_too():
    before = state(
        "Inner i = 1; message Inner { int32 a = 1; State up = 2; } E e = 2; enum E {A=0;}"
    )
    with pytest.raises(Misfit, match="a of type int64"):
        define(before.replace("int32 a", "int64 a")).check_revision_of(define(before))
    renumbered = before.replace("A=0;", "B=0; A=1;")
    with pytest.raises(Misfit, match=r"E\.A cannot be changed"):
        define(renumbered).check_revision_of(define(before))


def test_a_compiled_schema_may_consist_of_several_files():
    files = descriptor_pb2.FileDescriptorSet()
    inner = proto_source.parse('syntax = "proto3"; package inner; message Part { int32 size = 1; }')
    inner.name = "inner.proto"
    outer = proto_source.parse(state("inner.Part part = 1;"))
    outer.dependency.append("inner.proto")
    files.file.extend([inner, outer])
    definition = ProtobufDefinition.from_compiled(files.SerializeToString(), "State")
    definition.check(JSON, b'{"part": {"size": 3}}')
    with pytest.raises(Misfit, match="no message Nope"):
        ProtobufDefinition.from_compiled(files.SerializeToString(), "Nope")
    with pytest.raises(Misfit, match="not a FileDescriptorSet"):
        ProtobufDefinition.from_compiled(b"\xff", "State")
    with pytest.raises(Misfit, match=r"inner.proto|Part"):
        ProtobufDefinition.from_compiled(
            descriptor_pb2.FileDescriptorSet(file=[outer]).SerializeToString(), "State"
        )
