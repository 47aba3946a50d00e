import json
import random

import pytest

from emulator.pubsub.rules.schemas.avro import AvroDefinition
from emulator.pubsub.rules.schemas.definition import BINARY, JSON, Misfit


def define(schema):
    return AvroDefinition(json.dumps(schema))


def record(*fields, name="State", **more):
    return {"type": "record", "name": name, "fields": list(fields), **more}


def field(name, kind, **more):
    return {"name": name, "type": kind, **more}


def of(kind):
    return define(record(field("x", kind)))


TREE = record(field("value", "int"), field("next", ["null", "n.Tree"]), name="Tree", namespace="n")


@pytest.mark.parametrize(
    "schema",
    [
        "string",
        ["null", "string"],
        {"type": "enum", "name": "Colour", "symbols": ["RED"], "default": "RED"},
        {"type": "fixed", "name": "Hash", "size": 16},
        {"type": "string", "logicalType": "uuid"},
        {"type": {"type": "array", "items": "int"}},
        record(),
        record(field("x", "int", default=3), field("y", ["null", "int"], default=None)),
        record(field("x", {"type": "bytes", "logicalType": "decimal", "precision": 4})),
        record(field("x", record(field("y", "int"), name="Inner"), default={"y": 1})),
        record(field("x", record(name="a.Inner")), field("y", "a.Inner")),
        TREE,
    ],
    ids=str,
)
def test_a_valid_schema_is_read(schema):
    define(schema)


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ("nope", "no type nope"),
        (3, "Expected a type"),
        ({}, "no type in"),
        (record(name="1st"), "not a valid name"),
        (record(name="int"), "not a valid name"),
        (record(namespace="a..b"), "not a valid namespace"),
        ({"type": "record", "name": "State"}, "fields is missing"),
        (record({"name": "x"}), "x has no type"),
        (record({"type": "int"}), "not a valid name of a field"),
        (record(field("x", "int"), field("x", "int")), "x appears twice"),
        (record(field("x", "int", default="a")), "default of x is invalid"),
        (record(field("x", ["null", "int"], default=3)), "default of x is invalid"),
        (record(field("x", record())), "two types State"),
        (["int", "int"], "int appears twice"),
        (["int", ["null"]], "another union"),
        ({"type": "array"}, "no items"),
        ({"type": "map"}, "no values"),
        ({"type": "fixed", "name": "Hash", "size": "x"}, "number of bytes"),
        ({"type": "enum", "name": "Colour", "symbols": ["a", "a"]}, "a appears twice"),
        ({"type": "enum", "name": "Colour", "symbols": ["-"]}, "not a valid symbol"),
        ({"type": "enum", "name": "Colour", "symbols": ["a"], "default": "b"}, "not a symbol"),
    ],
    ids=str,
)
def test_an_invalid_schema_is_refused_with_the_reason(schema, says):
    with pytest.raises(Misfit, match=says):
        define(schema)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"type":' * 10_000])
def test_what_is_not_json_is_no_schema(text):
    with pytest.raises(Misfit, match="not JSON"):
        AvroDefinition(text)


def test_a_schema_nested_too_deep_is_refused():
    schema = "int"
    for _ in range(300):
        schema = {"type": "array", "items": schema}
    with pytest.raises(Misfit, match="nested deeper"):
        define(schema)


COLOUR = {"type": "enum", "name": "Colour", "symbols": ["RED", "BLUE"]}
HASH = {"type": "fixed", "name": "Hash", "size": 2}


@pytest.mark.parametrize(
    ("kind", "text", "binary"),
    [
        ("null", "null", b""),
        ("boolean", "true", b"\1"),
        ("int", "-64", b"\x7f"),
        ("int", "2147483647", b"\xfe\xff\xff\xff\x0f"),
        ("long", "-9223372036854775808", b"\xff" * 9 + b"\1"),
        ("float", "1.5", bytes(4)),
        ("double", "3", bytes(8)),
        ("double", '"NaN"', bytes(8)),
        ("bytes", '"\\u00ff"', b"\2\xff"),
        ("string", '"\u00e9"', b"\4\xc3\xa9"),
        (COLOUR, '"BLUE"', b"\2"),
        (HASH, '"ab"', b"ab"),
        ({"type": "array", "items": "int"}, "[1, 2]", b"\4\2\4\0"),
        ({"type": "array", "items": "int"}, "[]", b"\3\4\2\4\0"),
        ({"type": "array", "items": "null"}, "[null]", b"\xfe\xff\xff\xff\xff\xff\xff\x7f\0"),
        ({"type": "map", "values": "int"}, '{"a": 1}', b"\2\2a\2\0"),
        (["null", "string"], "null", b"\0"),
        (["null", "string"], '{"string": "a"}', b"\2\2a"),
        (["null", COLOUR], '{"Colour": "RED"}', b"\2\0"),
    ],
)
def test_a_value_fits_its_type_in_both_encodings(kind, text, binary):
    definition = of(kind)
    definition.check(JSON, b'{"x": %s}' % text.encode())
    definition.check(BINARY, binary)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("null", "0"),
        ("boolean", "1"),
        ("int", "2147483648"),
        ("int", "true"),
        ("int", "1.0"),
        ("long", "-9223372036854775809"),
        ("double", '"x"'),
        ("bytes", '"\u0100"'),
        ("string", "3"),
        (COLOUR, '"GREEN"'),
        (COLOUR, "[]"),
        (HASH, '"abc"'),
        ({"type": "array", "items": "int"}, '["a"]'),
        ({"type": "map", "values": "int"}, "[]"),
        (["null", "string"], '"a"'),
        (["null", "string"], '{"int": 3}'),
        (["null", "string"], '{"null": null}'),
        (["int", "string"], "null"),
    ],
)
def test_a_value_in_json_that_does_not_fit_is_refused(kind, text):
    with pytest.raises(Misfit):
        of(kind).check(JSON, b'{"x": %s}' % text.encode())


@pytest.mark.parametrize(
    ("kind", "binary"),
    [
        ("boolean", b"\2"),
        ("boolean", b""),
        ("int", b"\xff\xff\xff\xff\x1f"),
        ("long", b"\xff" * 10 + b"\1"),
        ("long", b"\xff"),
        ("float", bytes(3)),
        ("string", b"\2\xff"),
        ("string", b"\4a"),
        ("string", b"\1a"),
        (COLOUR, b"\4"),
        (["null", "string"], b"\4"),
        (["null", "string"], b"\1"),
        ({"type": "array", "items": "int"}, b"\4\2"),
        ({"type": "map", "values": "int"}, b"\2\2\xff\2\0"),
    ],
)
def test_binary_that_does_not_fit_is_refused(kind, binary):
    with pytest.raises(Misfit):
        of(kind).check(BINARY, binary)


def test_a_field_that_is_missing_is_named_even_if_it_has_a_default():
    definition = define(record(field("name", "string"), field("code", "int", default=3)))
    with pytest.raises(Misfit, match="Field was not found in JSON object: code"):
        definition.check(JSON, b'{"name": "Alaska"}')


def test_a_field_that_the_schema_does_not_name_is_allowed_in_json():
    of("int").check(JSON, b'{"x": 1, "y": 2}')


def test_a_message_nested_too_deep_is_refused_before_the_stack_ends():
    tree = define(TREE)
    with pytest.raises(Misfit, match="nested deeper"):
        tree.check(BINARY, b"\2\2" * 1_000_000)
    nested = b'{"value": 1, "next": {"n.Tree": ' * 200 + b"null" + b"}}" * 200
    with pytest.raises(Misfit, match="nested deeper"):
        tree.check(JSON, nested)


def test_chance_bytes_fit_or_do_not_and_never_do_anything_else():
    kinds = [COLOUR, HASH, "double", "string", "bytes", "long", ["null", "string"]]
    fields = [field(f"f{number}", kind) for number, kind in enumerate(kinds)]
    definition = define(record(*fields, field("more", {"type": "array", "items": "State"})))
    chance = random.Random(19)
    refused = 0
    for _ in range(3000):
        data = chance.randbytes(chance.randrange(60))
        for encoding in (JSON, BINARY):
            try:
                definition.check(encoding, data)
            except Misfit:
                refused += 1
    assert refused > 3000


BEFORE = record(field("name", "string"), field("size", "int"))


@pytest.mark.parametrize(
    "after",
    [
        BEFORE,
        record(field("size", "int"), field("name", "string")),
        record(*BEFORE["fields"], field("code", ["null", "string"], default=None)),
        record(*BEFORE["fields"], name="other.State"),
        record(field("name", "bytes"), field("size", "int")),
    ],
    ids=["same", "order", "optional field", "namespace", "bytes"],
)
def test_a_revision_may_change_what_both_can_read(after):
    define(after).check_revision_of(define(BEFORE))
    define(BEFORE).check_revision_of(define(after))


@pytest.mark.parametrize(
    ("after", "says"),
    [
        (record(field("name", "int"), field("size", "int")), "name of type int is not compatible"),
        (record(field("name", "string"), field("size", "long")), "size of type int is not"),
        (record(field("name", "string")), "size has no default"),
        (record(*BEFORE["fields"], field("code", "int")), "code has no default"),
        (record(*BEFORE["fields"], name="Country"), "is called Country, not State"),
        ("string", "not compatible"),
    ],
)
def test_a_revision_that_one_of_them_cannot_read_is_refused(after, says):
    with pytest.raises(Misfit, match=says):
        define(after).check_revision_of(define(BEFORE))


def test_revisions_with_recursive_types_are_compared():
    longer = record(
        field("value", "long"), field("next", ["null", "n.Tree"]), name="Tree", namespace="n"
    )
    define(TREE).check_revision_of(define(TREE))
    with pytest.raises(Misfit, match=r"long is not compatible with type|int is not compatible"):
        define(longer).check_revision_of(define(TREE))


@pytest.mark.parametrize(
    ("before", "after", "fits"),
    [
        ({**COLOUR, "symbols": ["RED"]}, COLOUR, False),
        ({**COLOUR, "symbols": ["RED"], "default": "RED"}, {**COLOUR, "default": "RED"}, True),
        (HASH, {**HASH, "size": 3}, False),
        ({"type": "array", "items": "int"}, {"type": "array", "items": "string"}, False),
        (["null", "int"], ["int", "null"], True),
        (["null", "int"], ["null", "int", "string"], False),
    ],
)
def test_symbols_sizes_items_and_branches_are_compared(before, after, fits):
    old, new = of(before), of(after)
    if fits:
        new.check_revision_of(old)
        return
    with pytest.raises(Misfit):
        new.check_revision_of(old)
