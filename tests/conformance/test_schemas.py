"""Schemas: made, found, revised, deleted, and enforced. Google's emulator has Avro only."""

import json
from contextlib import suppress

import pytest
from google.api_core.exceptions import AlreadyExists, InvalidArgument, NotFound
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.types import Encoding, Schema, SchemaView

from tests.conformance.brokers import PROJECT, schema_client

SCHEMAS = "https://docs.cloud.google.com/pubsub/docs/schemas"
REVISIONS = "https://docs.cloud.google.com/pubsub/docs/commit-schema-revision"
LISTS = (
    "https://docs.cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#listschemasrequest"
)

NAME_FIELD = {"name": "name", "type": "string"}
CODE_FIELD = {"name": "code", "type": ["null", "string"], "default": None}
AVRO = json.dumps({"type": "record", "name": "State", "fields": [NAME_FIELD]})
AVRO_2 = json.dumps({"type": "record", "name": "State", "fields": [NAME_FIELD, CODE_FIELD]})
PROTO = 'syntax = "proto3"; message State { string name = 1; }'


@pytest.fixture
def service(broker):
    with schema_client(broker) as service:
        yield service


class Schemas:
    """Makes a schema, and deletes it at the end."""

    def __init__(self, service, name):
        self.path = f"{PROJECT}/schemas/{name}"
        self._service = service
        self._name = name

    def create(self, definition=AVRO, kind=Schema.Type.AVRO):
        schema = Schema(type_=kind, definition=definition)
        return self._service.create_schema(
            parent=PROJECT, schema=schema, schema_id=self._name
        ).revision_id

    def commit(self, definition, kind=Schema.Type.AVRO):
        schema = Schema(name=self.path, type_=kind, definition=definition)
        return self._service.commit_schema(name=self.path, schema=schema).revision_id


@pytest.fixture
def schemas(service, name):
    schemas = Schemas(service, name)
    yield schemas
    with suppress(NotFound):
        service.delete_schema(name=schemas.path)


@pytest.fixture
def topic_with(broker, name):
    """Make a topic with a schema and a subscription; return their names."""
    topic = f"{PROJECT}/topics/{name}"
    subscription = f"{PROJECT}/subscriptions/{name}"

    def make(schema, encoding=Encoding.JSON, **settings):
        settings |= {"schema": schema, "encoding": encoding}
        broker.publisher.create_topic(request={"name": topic, "schema_settings": settings})
        broker.subscriber.create_subscription(name=subscription, topic=topic)
        return topic, subscription

    yield make
    broker.publisher.delete_topic(topic=topic)
    broker.subscriber.delete_subscription(subscription=subscription)


@pytest.fixture
def send(broker):
    """Publish one message, with the plain client, which goes on after a refusal."""

    def send(topic, data):
        return PublisherClient.publish(broker.publisher, topic=topic, messages=[{"data": data}])

    return send


def test_a_schema_is_made_found_listed_and_deleted(service, schemas):
    revision = schemas.create()
    found = service.get_schema(name=schemas.path)
    assert (found.name, found.type_, found.definition) == (schemas.path, Schema.Type.AVRO, AVRO)
    assert (found.revision_id, len(revision)) == (revision, 8)
    brief = service.get_schema(request={"name": schemas.path, "view": SchemaView.BASIC})
    assert (brief.name, brief.definition) == (schemas.path, "")
    listed = service.list_schemas(request={"parent": PROJECT, "view": SchemaView.FULL})
    assert found in list(listed)
    with pytest.raises(AlreadyExists):
        schemas.create()
    service.delete_schema(name=schemas.path)
    for call in (service.get_schema, service.delete_schema):
        with pytest.raises(NotFound):
            call(name=schemas.path)


@pytest.mark.departure("lists definitions always", LISTS)
def test_lists_are_without_definitions_unless_asked(service, schemas):
    schemas.create()
    [listed] = [each for each in service.list_schemas(parent=PROJECT) if each.name == schemas.path]
    [revision] = service.list_schema_revisions(name=schemas.path)
    assert (listed.definition, revision.definition) == ("", "")


def test_schemas_come_in_pages(service, name):
    names = [f"{name}-{number}" for number in range(3)]
    for each in names:
        schema = Schema(type_=Schema.Type.AVRO, definition=AVRO)
        service.create_schema(parent=f"projects/{name}", schema=schema, schema_id=each)
    pages = service.list_schemas(request={"parent": f"projects/{name}", "page_size": 2}).pages
    assert [len(page.schemas) for page in pages] == [2, 1]
    for each in names:
        service.delete_schema(name=f"projects/{name}/schemas/{each}")


@pytest.mark.parametrize(
    "schema",
    [
        {"type_": Schema.Type.AVRO, "definition": "{"},
        {"type_": Schema.Type.AVRO, "definition": ""},
        {"type_": Schema.Type.AVRO, "definition": '{"type": "nope"}'},
        {"definition": AVRO},
    ],
    ids=["no JSON", "empty", "unknown type", "no type"],
)
def test_an_invalid_schema_is_neither_valid_nor_created(service, name, schema):
    with pytest.raises(InvalidArgument):
        service.validate_schema(parent=PROJECT, schema=schema)
    with pytest.raises(InvalidArgument):
        service.create_schema(parent=PROJECT, schema=schema, schema_id=name)
    service.validate_schema(parent=PROJECT, schema={"type_": Schema.Type.AVRO, "definition": AVRO})


def test_a_schema_has_revisions(service, schemas):
    first = schemas.create()
    second = schemas.commit(AVRO_2)
    assert service.get_schema(name=schemas.path).definition == AVRO_2
    assert service.get_schema(name=f"{schemas.path}@{first}").definition == AVRO
    third = service.rollback_schema(name=schemas.path, revision_id=first).revision_id
    assert service.get_schema(name=schemas.path).definition == AVRO
    ids = [each.revision_id for each in service.list_schema_revisions(name=schemas.path)]
    assert ids == [first, second, third]
    service.delete_schema_revision(name=f"{schemas.path}@{second}")
    ids = [each.revision_id for each in service.list_schema_revisions(name=schemas.path)]
    assert ids == [first, third]
    for missing in (second, "00000000"):
        with pytest.raises(NotFound):
            service.get_schema(name=f"{schemas.path}@{missing}")
        with pytest.raises(NotFound):
            service.rollback_schema(name=schemas.path, revision_id=missing)


def test_the_only_revision_is_not_deleted(service, schemas):
    revision = schemas.create()
    with pytest.raises(InvalidArgument):
        service.delete_schema_revision(name=f"{schemas.path}@{revision}")


@pytest.mark.departure("takes any revision", REVISIONS)
def test_a_revision_that_old_readers_cannot_read_is_refused(schemas):
    schemas.create()
    with pytest.raises(InvalidArgument):
        schemas.commit(AVRO.replace("string", "int"))


FITTING = [
    (Encoding.JSON, b'{"name": "Alaska", "code": null}'),
    (Encoding.JSON, b'{"name": "Alaska", "code": {"string": "AK"}, "more": 1}'),
    (Encoding.BINARY, b"\x0cAlaska\x00"),
    (Encoding.BINARY, b"\x0cAlaska\x02\x04AK"),
]
NOT_FITTING = [
    (Encoding.JSON, b'{"name": "Alaska"}'),
    (Encoding.JSON, b'{"name": "Alaska", "code": "AK"}'),
    (Encoding.JSON, b'{"name": 3, "code": null}'),
    (Encoding.JSON, b"\x0cAlaska\x00"),
    (Encoding.BINARY, b"\x0cAlask"),
    (Encoding.BINARY, b"\x0cAlaska\x04"),
    (Encoding.ENCODING_UNSPECIFIED, b'{"name": "Alaska", "code": null}'),
]


def test_a_message_is_validated_against_a_schema(service, schemas):
    schemas.create(AVRO_2)
    given = Schema(type_=Schema.Type.AVRO, definition=AVRO_2)
    for against in ({"name": schemas.path}, {"schema": given}):
        for encoding, message in FITTING:
            service.validate_message(
                {"parent": PROJECT, "message": message, "encoding": encoding, **against}
            )
        for encoding, message in NOT_FITTING:
            with pytest.raises(InvalidArgument):
                service.validate_message(
                    {"parent": PROJECT, "message": message, "encoding": encoding, **against}
                )


@pytest.mark.parametrize("encoding", [Encoding.JSON, Encoding.BINARY], ids=["JSON", "BINARY"])
def test_a_topic_refuses_what_does_not_fit_and_says_what_fits(
    broker, schemas, topic_with, send, pull, encoding
):
    revision = schemas.create(AVRO_2)
    topic, subscription = topic_with(schemas.path, encoding)
    settings = broker.publisher.get_topic(topic=topic).schema_settings
    assert (settings.schema, settings.encoding) == (schemas.path, encoding)
    for data in (data for kind, data in NOT_FITTING if kind == encoding):
        with pytest.raises(InvalidArgument):
            send(topic, data)
    sent = [data for kind, data in FITTING if kind == encoding]
    for data in sent:
        send(topic, data)
    received = pull(subscription, len(sent))
    assert sorted(item.message.data for item in received) == sorted(sent)
    for item in received:
        assert dict(item.message.attributes) == {
            "googclient_schemaname": schemas.path,
            "googclient_schemaencoding": encoding.name,
            "googclient_schemarevisionid": revision,
        }


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"schema": f"{PROJECT}/schemas/missing"}, NotFound),
        ({"encoding": Encoding.ENCODING_UNSPECIFIED}, InvalidArgument),
        ({"first_revision_id": "00000000"}, NotFound),
        ({"last_revision_id": "00000000"}, NotFound),
    ],
    ids=["schema", "encoding", "first", "last"],
)
def test_a_topic_needs_a_schema_that_exists(broker, schemas, name, settings, error):
    schemas.create()
    settings = {"schema": schemas.path, "encoding": Encoding.JSON, **settings}
    with pytest.raises(error):
        broker.publisher.create_topic(
            request={"name": f"{PROJECT}/topics/{name}", "schema_settings": settings}
        )


def test_a_topic_accepts_the_revisions_that_its_settings_name(
    broker, schemas, topic_with, send, pull
):
    first = schemas.create(AVRO)
    second = schemas.commit(AVRO_2)
    topic, subscription = topic_with(schemas.path, last_revision_id=first)
    send(topic, b'{"name": "Alaska"}')
    settings = {"schema": schemas.path, "encoding": Encoding.JSON, "first_revision_id": second}
    broker.publisher.update_topic(
        request={
            "topic": {"name": topic, "schema_settings": settings},
            "update_mask": {"paths": ["schema_settings"]},
        }
    )
    with pytest.raises(InvalidArgument):
        send(topic, b'{"name": "Alaska"}')
    send(topic, b'{"name": "Alaska", "code": null}')
    received = pull(subscription, 2)
    ids = [item.message.attributes["googclient_schemarevisionid"] for item in received]
    assert ids == [first, second]


def test_a_topic_whose_schema_is_deleted_takes_nothing_until_it_has_none(
    broker, service, schemas, topic_with, send
):
    schemas.create()
    topic, _ = topic_with(schemas.path)
    service.delete_schema(name=schemas.path)
    assert broker.publisher.get_topic(topic=topic).schema_settings.schema == "_deleted-schema_"
    with pytest.raises(NotFound):
        send(topic, b'{"name": "Alaska"}')
    broker.publisher.update_topic(
        request={"topic": {"name": topic}, "update_mask": {"paths": ["schema_settings"]}}
    )
    send(topic, b"anything")


@pytest.mark.departure("has no protocol buffers", SCHEMAS)
def test_a_schema_may_be_in_protocol_buffers(service, schemas, topic_with, send, pull):
    revision = schemas.create(PROTO, Schema.Type.PROTOCOL_BUFFER)
    topic, subscription = topic_with(schemas.path, Encoding.BINARY)
    with pytest.raises(InvalidArgument) as refused:
        send(topic, b"\x12\x02AK")
    assert refused.value.reason == "INVALID_BINARY_PROTO_MESSAGE"
    send(topic, b"\x0a\x06Alaska")
    [received] = pull(subscription)
    assert received.message.attributes["googclient_schemarevisionid"] == revision
    service.validate_message(
        {
            "parent": PROJECT,
            "name": schemas.path,
            "message": b'{"name": "Alaska"}',
            "encoding": Encoding.JSON,
        }
    )


def test_a_large_message_is_checked_too(schemas, topic_with, send, pull):
    schemas.create()
    topic, subscription = topic_with(schemas.path)
    large = b"x" * 200_000
    with pytest.raises(InvalidArgument):
        send(topic, b'{"nope": "%s"}' % large)
    send(topic, b'{"name": "%s"}' % large)
    [received] = pull(subscription)
    assert received.message.attributes["googclient_schemaname"] == schemas.path
