from itertools import count

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from emulator.pubsub import protos
from emulator.pubsub.rules import wire
from emulator.pubsub.rules.catalogue import Catalogue
from emulator.pubsub.rules.errors import (
    AlreadyExists,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    SchemaMismatch,
)
from emulator.pubsub.rules.schemas import book
from emulator.pubsub.rules.schemas.book import SchemaBook
from emulator.pubsub.rules.schemas.definition import BINARY, JSON
from emulator.pubsub.rules.schemas.topics import accepted, admit
from tests.unit.pubsub.sandbox import START, Sandbox
from tests.unit.pubsub.sandbox import TOPIC as THINGS

PROJECT = "projects/p"
NAME = f"{PROJECT}/schemas/state"
TOPIC = f"{PROJECT}/topics/states"
PROTOCOL_BUFFER, AVRO = 1, 2
BASIC, FULL = 1, 2

ONE = 'syntax = "proto3"; message State { string name = 1; }'
TWO = 'syntax = "proto3"; message State { string name = 1; string code = 2; }'
WRONG = 'syntax = "proto3"; message State { int32 name = 1; }'


class Schemas:
    """The schemas, topics and subscriptions of a sandbox."""

    def __init__(self):
        self.sandbox = Sandbox()
        self.registry = self.sandbox.registry
        self.registry.delete_topic(THINGS)  # it was not made by clients
        self.catalogue = Catalogue(self.registry)
        numbers = count(1)
        self.book = SchemaBook(self.registry, lambda: f"r{next(numbers)}")

    def create(self, definition=ONE, schema_id="state", kind=PROTOCOL_BUFFER):
        schema = protos.Schema(type_=kind, definition=definition)
        return self.book.create(PROJECT, schema_id, schema, START)

    def commit(self, definition, kind=PROTOCOL_BUFFER):
        return self.book.commit(NAME, protos.Schema(type_=kind, definition=definition), START)

    def topic(self, **settings):
        settings = {"schema": NAME, "encoding": JSON, **settings}
        return self.catalogue.create_topic(protos.Topic(name=TOPIC, schema_settings=settings))

    def publish(self, data):
        settings = self.registry.topic(TOPIC).description.schema_settings
        draft = protos.PubsubMessage(data=data, attributes={"colour": "red"})
        admit(accepted(self.registry.schemas, settings), settings.encoding, [draft])
        (number,) = self.registry.router.new_ids(1)
        [message] = wire.stamp([draft], [number], START)
        self.registry.router.publish(self.registry.topic(TOPIC), [message])
        return message

    def revisions(self):
        return [revision.revision_id for revision in self.book.revisions(NAME, BASIC)]


@pytest.fixture
def schemas():
    return Schemas()


def test_a_schema_is_created_with_its_first_revision(schemas):
    made = schemas.create()
    assert (made.name, made.revision_id, made.definition) == (NAME, "r1", ONE)
    assert made.revision_create_time.seconds == START
    assert schemas.book.get(NAME, 0) == made
    assert schemas.book.get(f"{NAME}@r1", FULL) == made


def test_a_schema_is_created_once(schemas):
    schemas.create()
    with pytest.raises(AlreadyExists):
        schemas.create(TWO)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema_id": "goog"}, "Invalid .schemas. name"),
        ({"schema_id": ""}, "Invalid .schemas. name"),
        ({"kind": 0}, "Invalid schema type"),
        ({"definition": "nonsense"}, "Could not parse schema definition"),
        ({"definition": " " * 300_001}, "300001 bytes"),
    ],
)
def test_an_invalid_schema_is_not_created(schemas, change, says):
    with pytest.raises(InvalidArgument, match=says):
        schemas.create(**change)
    assert schemas.book.of_project(PROJECT, BASIC) == []


def test_lists_have_definitions_only_if_asked(schemas):
    schemas.create(schema_id="other")
    schemas.create()
    assert [schema.name for schema in schemas.book.of_project(PROJECT, 0)] == [
        f"{PROJECT}/schemas/other",
        NAME,
    ]
    for view, definition in ((0, ""), (BASIC, ""), (FULL, ONE)):
        assert schemas.book.of_project(PROJECT, view)[0].definition == definition
        assert schemas.book.revisions(NAME, view)[0].definition == definition
    assert schemas.book.get(NAME, BASIC).definition == ""
    assert schemas.book.of_project("projects/other", FULL) == []


def test_a_project_has_a_limited_number_of_schemas(schemas, monkeypatch):
    monkeypatch.setattr(book, "MAX_SCHEMAS", 1)
    schemas.create()
    with pytest.raises(ResourceExhausted):
        schemas.create(schema_id="other")


def test_the_newest_revision_counts(schemas):
    schemas.create()
    schemas.commit(TWO)
    assert schemas.revisions() == ["r1", "r2"]
    assert schemas.book.get(NAME, FULL).definition == TWO
    assert schemas.book.get(f"{NAME}@r1", FULL).definition == ONE
    schemas.book.rollback(NAME, "r1", START)
    assert schemas.revisions() == ["r1", "r2", "r3"]
    assert schemas.book.get(NAME, FULL).definition == ONE


def test_a_revision_is_compatible_with_all_before_it(schemas):
    schemas.create()
    schemas.commit('syntax = "proto3"; message State {}')
    with pytest.raises(InvalidArgument, match=r"incompatible with previous revision: r1.*int32"):
        schemas.commit(WRONG)
    with pytest.raises(InvalidArgument, match="type of a schema cannot be changed"):
        schemas.commit('"string"', AVRO)
    assert schemas.revisions() == ["r1", "r2"]


def test_a_schema_has_a_limited_number_of_revisions(schemas):
    schemas.create()
    for _ in range(19):
        schemas.commit(ONE)
    for add in (lambda: schemas.commit(ONE), lambda: schemas.book.rollback(NAME, "r1", START)):
        with pytest.raises(ResourceExhausted, match="20 revisions"):
            add()
    schemas.book.delete_revision(f"{NAME}@r5")
    schemas.commit(ONE)


def test_a_revision_is_deleted_unless_it_is_the_only_one(schemas):
    schemas.create()
    with pytest.raises(InvalidArgument, match="only revision"):
        schemas.book.delete_revision(f"{NAME}@r1")
    schemas.commit(TWO)
    assert schemas.book.delete_revision(f"{NAME}@r1").definition == ONE
    assert schemas.revisions() == ["r2"]
    with pytest.raises(NotFound):
        schemas.book.delete_revision(f"{NAME}@r1")
    with pytest.raises(InvalidArgument, match="must end with @"):
        schemas.book.delete_revision(NAME)


@pytest.mark.parametrize(
    "call",
    [
        lambda book: book.get(NAME, 0),
        lambda book: book.revisions(NAME, 0),
        lambda book: book.rollback(NAME, "r1", START),
        lambda book: book.delete(NAME),
        lambda book: book.commit(NAME, protos.Schema(type_=1, definition=ONE), START),
        lambda book: book.delete_revision(f"{NAME}@r1"),
        lambda book: book.validate_message(
            protos.ValidateMessageRequest(parent=PROJECT, name=NAME, encoding=JSON)
        ),
    ],
)
def test_a_schema_that_does_not_exist_is_not_found(schemas, call):
    with pytest.raises(NotFound):
        call(schemas.book)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"schema": ""}, InvalidArgument),
        ({"schema": "state"}, InvalidArgument),
        ({"schema": f"{NAME}s"}, NotFound),
        ({"encoding": 0}, InvalidArgument),
        ({"first_revision_id": "r9"}, NotFound),
        ({"last_revision_id": "r9"}, NotFound),
        ({"first_revision_id": "r2", "last_revision_id": "r1"}, InvalidArgument),
    ],
)
def test_a_topic_with_invalid_settings_is_neither_created_nor_changed(schemas, settings, error):
    schemas.create()
    schemas.commit(TWO)
    with pytest.raises(error):
        schemas.topic(**settings)
    before = schemas.topic()
    wanted = protos.Topic(name=TOPIC, schema_settings={"schema": NAME, "encoding": 1, **settings})
    with pytest.raises(error):
        schemas.catalogue.update_topic(wanted, FieldMask(paths=["schema_settings"]))
    assert schemas.catalogue.topic(TOPIC) == before


def test_a_message_that_fits_says_which_revision(schemas):
    schemas.create()
    schemas.commit(TWO)
    schemas.topic()
    assert schemas.publish(b'{"name": "Alaska"}').attributes == {
        "colour": "red",
        "googclient_schemaname": NAME,
        "googclient_schemaencoding": "JSON",
        "googclient_schemarevisionid": "r2",
    }


def test_a_message_that_does_not_fit_is_refused_with_the_reason_of_each_revision(schemas):
    schemas.create()
    schemas.commit(TWO)
    schemas.topic()
    with pytest.raises(SchemaMismatch, match="Message failed schema validation") as refused:
        schemas.publish(b'{"nope": 1}')
    assert refused.value.reason == "INVALID_JSON_PROTO_MESSAGE"
    assert [line[:3] for line in refused.value.detail.splitlines() if line[0] == "r"] == [
        "r2:",
        "r1:",
    ]


@pytest.mark.parametrize(
    ("limits", "data", "revision"),
    [
        ({}, b"\x0a\x01a\x12\x01b", "r2"),
        ({"last_revision_id": "r1"}, b"\x0a\x01a", "r1"),
        ({"last_revision_id": "r1"}, b"\x0a\x01a\x12\x01b", None),
        ({"first_revision_id": "r3"}, b"\x0a\x01a\x12\x01b", None),
        ({"first_revision_id": "r2", "last_revision_id": "r2"}, b"\x12\x01b", "r2"),
    ],
)
def test_a_topic_accepts_the_revisions_between_the_first_and_the_last(
    schemas, limits, data, revision
):
    schemas.create()
    schemas.commit(TWO)
    schemas.commit(ONE)
    schemas.topic(encoding=BINARY, **limits)
    if revision is None:
        with pytest.raises(SchemaMismatch):
            schemas.publish(data)
    else:
        assert schemas.publish(data).attributes["googclient_schemarevisionid"] == revision


def test_when_a_schema_is_deleted_its_topics_refuse_messages_and_its_messages_say_so(schemas):
    schemas.create()
    schemas.topic()
    everything = schemas.sandbox.subscribe("states", topic=TOPIC, retain_acked=True)
    for _ in range(2):
        schemas.publish(b"{}")
    schemas.sandbox.take(everything, 1)
    schemas.book.delete(NAME)
    settings = schemas.catalogue.topic(TOPIC).schema_settings
    assert settings.schema == "_deleted-schema_"
    with pytest.raises(NotFound, match="_deleted-schema_"):
        schemas.publish(b"{}")
    schemas.create()
    assert settings.schema == "_deleted-schema_"
    for message in everything.held():
        received = wire.parse(message.wire)
        assert dict(received.attributes) == message.attributes
        assert received.attributes["colour"] == "red"
        assert received.attributes["googclient_schemaname"] == "_deleted-schema_"
        assert received.attributes["googclient_schemarevisionid"] == "_deleted-schema-revision_"
    assert len(everything.held()) == 2


def test_a_topic_whose_schema_is_deleted_can_be_changed(schemas):
    schemas.create()
    schemas.topic()
    schemas.book.delete(NAME)
    labelled = protos.Topic(name=TOPIC, labels={"colour": "red"})
    schemas.catalogue.update_topic(labelled, FieldMask(paths=["labels"]))
    without = protos.Topic(name=TOPIC)
    changed = schemas.catalogue.update_topic(without, FieldMask(paths=["schema_settings"]))
    assert not changed.HasField("schema_settings")


def test_messages_of_a_deleted_revision_say_so(schemas):
    schemas.create()
    schemas.topic()
    old = schemas.publish(b"{}")
    subscription = schemas.sandbox.subscribe("states", topic=TOPIC)
    old = schemas.publish(b"{}")
    schemas.commit(TWO)
    new = schemas.publish(b"{}")
    schemas.book.delete_revision(f"{NAME}@r1")
    assert old.attributes["googclient_schemarevisionid"] == "_deleted-schema-revision_"
    assert old.attributes["googclient_schemaname"] == NAME
    assert new.attributes["googclient_schemarevisionid"] == "r2"
    assert subscription.held() == [old, new]


def test_a_message_is_validated_against_a_schema_that_is_named_or_given(schemas):
    schemas.create()

    def validate(**fields):
        schemas.book.validate_message(
            protos.ValidateMessageRequest(parent=PROJECT, **{"encoding": JSON, **fields})
        )

    given = protos.Schema(type_=AVRO, definition='"string"')
    validate(name=NAME, message=b'{"name": "a"}')
    validate(name=f"{NAME}@r1", message=b"", encoding=BINARY)
    validate(schema=given, message=b'"a"')
    for reason, fields in (
        ("INVALID_JSON_PROTO_MESSAGE", {"name": NAME, "message": b"3"}),
        ("INVALID_JSON_AVRO_MESSAGE", {"schema": given, "message": b"3"}),
        ("INVALID_BINARY_AVRO_MESSAGE", {"schema": given, "message": b"", "encoding": BINARY}),
    ):
        with pytest.raises(SchemaMismatch) as refused:
            validate(**fields)
        assert refused.value.reason == reason
    with pytest.raises(InvalidArgument, match="Invalid encoding"):
        validate(name=NAME, encoding=0)
    with pytest.raises(InvalidArgument, match="Invalid schema type"):
        validate(message=b"{}")


def test_a_compiled_schema_is_of_protocol_buffers(schemas):
    compiled = {"compiled_bytes": b"", "root_message": "State"}
    for kind, says in ((AVRO, "requires the type"), (PROTOCOL_BUFFER, "no message State")):
        with pytest.raises(InvalidArgument, match=says):
            schemas.book.validate(
                PROJECT, protos.Schema(type_=kind, compiled_proto_schema=compiled)
            )
