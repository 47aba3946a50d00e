"""Topics and subscriptions from a file or variables: what is read, refused, and created."""

import json

import pytest

from emulator.pubsub import protos
from emulator.pubsub.errors import TopologyInvalid
from emulator.pubsub.rules.catalogue import Catalogue
from emulator.pubsub.rules.schemas.book import SchemaBook
from emulator.pubsub.topology import (
    Topology,
    apply,
    read_document,
    read_file,
    read_variables,
)
from tests.unit.pubsub.sandbox import START, Sandbox

FULL = 2  # google.pubsub.v1.SchemaView

YAML = """
projects:
  shop:
    topics:
      orders:
        labels: {team: billing}
        messageRetentionDuration: 600s
        subscriptions:
          invoices:
            ackDeadlineSeconds: 60
            enableMessageOrdering: true
            deadLetterPolicy: {deadLetterTopic: failed, maxDeliveryAttempts: 7}
          mails:
            push_config: {push_endpoint: "http://localhost:9000/mails"}
      failed:
  depot:
    topics:
      parcels:
        subscriptions: {drivers: }
"""


@pytest.fixture
def sandbox():
    return Sandbox()


@pytest.fixture
def catalogue(sandbox):
    return Catalogue(sandbox.registry)


def shop(**topics):
    return {"projects": {"shop": {"topics": topics}}}


def names(entries):
    return [entry.resource.name for entry in entries]


def problems(call, *arguments):
    with pytest.raises(TopologyInvalid) as caught:
        call(*arguments)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def check_yaml(topology):
    assert names(topology.topics) == [
        "projects/shop/topics/orders",
        "projects/shop/topics/failed",
        "projects/depot/topics/parcels",
    ]
    assert names(topology.subscriptions) == [
        "projects/shop/subscriptions/invoices",
        "projects/shop/subscriptions/mails",
        "projects/depot/subscriptions/drivers",
    ]


def test_a_file_is_yaml_with_the_fields_of_the_api_in_either_spelling(tmp_path, sandbox, catalogue):
    (tmp_path / "app.yaml").write_text(YAML)
    topology = read_file(tmp_path / "app.yaml")
    check_yaml(topology)
    apply(topology, sandbox.registry, START)
    orders = catalogue.topic("projects/shop/topics/orders")
    assert dict(orders.labels) == {"team": "billing"}
    assert orders.message_retention_duration.seconds == 600
    invoices = catalogue.subscription("projects/shop/subscriptions/invoices")
    assert (invoices.topic, invoices.ack_deadline_seconds) == (orders.name, 60)
    assert invoices.enable_message_ordering
    assert invoices.dead_letter_policy.dead_letter_topic == "projects/shop/topics/failed"
    mails = catalogue.subscription("projects/shop/subscriptions/mails")
    assert mails.push_config.push_endpoint == "http://localhost:9000/mails"


def test_a_file_may_be_json(tmp_path):
    file = tmp_path / "app.json"
    document = shop(orders={"subscriptions": {"mails": {}}})
    file.write_text(json.dumps(document, indent="\t"))
    topology = read_file(str(file))
    assert names(topology.topics) == ["projects/shop/topics/orders"]
    assert names(topology.subscriptions) == ["projects/shop/subscriptions/mails"]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("app.yaml", "projects: [", "line 1, column 12"),
        ("app.yaml", "projects:\n  shop:\n  shop:\n", "'shop' is there twice in"),
        ("app.json", '{"projects": {"shop": {}, "shop": {}}}', "'shop' is there twice"),
        ("app.json", '{"projects": ', "line 1 column"),
        ("app.yaml", b"\xff", "utf-8"),
        ("none.yaml", None, "No such file"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path, name, text, problem):
    file = tmp_path / name
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    [found] = problems(read_file, file)
    assert found.startswith(f"{file}: ")
    assert problem in found


@pytest.mark.parametrize(
    ("document", "place", "problem"),
    [
        ([], "app", "expected names and values, not []"),
        ({"project": {}}, "app", "'project' is not known: expected 'projects'"),
        (
            {"projects": {"shop": {"topic": {}}}},
            "app: projects.shop",
            "'topic' is not known: expected 'schemas' or 'topics'",
        ),
        (shop(orders=[]), "app: projects.shop.topics.orders", "expected names and values"),
        (shop(orders={"name": "x"}), "app: projects.shop.topics.orders", "'name' follows from"),
        (shop(orders={"colour": 1}), "app: projects.shop.topics.orders", 'named "colour"'),
        (
            {"projects": {"shop": {"topics": {1: None}}}},
            "app: projects.shop.topics",
            "the name 1 is no text",
        ),
        (
            shop(orders={"subscriptions": {"mails": {"topic": "x"}}}),
            "app: projects.shop.topics.orders.subscriptions.mails",
            "'topic' follows from",
        ),
        (
            shop(orders={"subscriptions": {"mails": {"messageRetentionDuration": 600}}}),
            "app: projects.shop.topics.orders.subscriptions.mails",
            "messageRetentionDuration",
        ),
    ],
)
def test_what_is_no_topology_is_told_with_its_place(document, place, problem):
    [found] = problems(read_document, document, "app")
    assert found.startswith(f"{place}: ")
    assert problem in found


def test_every_problem_is_told_at_once():
    document = shop(orders={"colour": 1, "subscriptions": {"mails": {"size": 2}}}, failed=3)
    assert len(problems(read_document, document)) == 3


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (shop(go={}), "app: projects.shop.topics.go: Invalid [topics] name"),
        (shop(orders={"labels": {"X": "y"}}), "app: projects.shop.topics.orders: "),
        (
            shop(orders={"subscriptions": {"mails": {"pushConfig": {"pushEndpoint": "x"}}}}),
            "app: projects.shop.topics.orders.subscriptions.mails: Invalid push endpoint",
        ),
        (
            shop(
                orders={
                    "subscriptions": {"mails": {"deadLetterPolicy": {"deadLetterTopic": "dead"}}}
                }
            ),
            "app: projects.shop.topics.orders.subscriptions.mails: Resource not found",
        ),
        (
            shop(orders={"subscriptions": {"mails": {}}}, failed={"subscriptions": {"mails": {}}}),
            "app: projects.shop.topics.failed.subscriptions.mails: Resource already exists",
        ),
    ],
)
def test_what_the_broker_refuses_is_told_and_nothing_is_created(
    sandbox, catalogue, document, problem
):
    topology = read_document(shop(good=None)) + read_document(document, "app")
    [found] = problems(apply, topology, sandbox.registry, START)
    assert found.startswith(problem)
    assert not catalogue.topics("projects/shop")


def test_applying_it_again_keeps_messages_and_changes_nothing(sandbox, catalogue):
    topology = read_document(shop(orders={"subscriptions": {"mails": {}}}))
    apply(topology, sandbox.registry, START)
    sandbox.publish("hello", topic="projects/shop/topics/orders")
    before = catalogue.subscription("projects/shop/subscriptions/mails").SerializeToString()
    apply(topology, sandbox.registry, START)
    mails = sandbox.registry.subscription("projects/shop/subscriptions/mails")
    assert mails.description.SerializeToString() == before
    assert sandbox.take(mails) == ["hello"]


def test_settings_that_differ_are_changed_and_messages_stay(sandbox, catalogue):
    def topology(retention, **settings):
        subscriptions = {"mails": settings}
        return read_document(
            shop(orders={"messageRetentionDuration": retention, "subscriptions": subscriptions})
        )

    apply(topology("600s", ackDeadlineSeconds=20, labels={"a": "b"}), sandbox.registry, START)
    sandbox.publish("hello", topic="projects/shop/topics/orders")
    apply(topology("700s", ackDeadlineSeconds=30), sandbox.registry, START)
    mails = sandbox.registry.subscription("projects/shop/subscriptions/mails")
    assert (mails.policy.ack_deadline, dict(mails.description.labels)) == (30.0, {})
    assert sandbox.registry.topic("projects/shop/topics/orders").retention == 700.0
    assert sandbox.take(mails) == ["hello"]


def test_what_a_client_has_added_stays(sandbox, catalogue):
    catalogue.create_topic(protos.Topic(name="projects/shop/topics/mine"))
    apply(read_document(shop(orders=None)), sandbox.registry, START)
    assert [topic.name for topic in catalogue.topics("projects/shop")] == [
        "projects/shop/topics/mine",
        "projects/shop/topics/orders",
    ]


def test_a_setting_that_cannot_change_is_told_with_the_way_out(sandbox, catalogue):
    apply(read_document(shop(orders={"subscriptions": {"mails": {}}})), sandbox.registry, START)
    changed = shop(orders={"subscriptions": {"mails": {"enableMessageOrdering": True}}})
    [found] = problems(apply, read_document(changed, "app"), sandbox.registry, START)
    assert found.startswith("app: projects.shop.topics.orders.subscriptions.mails: it exists with")
    assert "enable_message_ordering cannot be changed" in found
    assert found.endswith("Delete it, or start with an empty data folder.")


TEXT = {"type": "AVRO", "definition": '{"type": "string"}'}
RECORD = """{"type": "record", "name": "Order", "fields": [%s]}"""
APPLES = '{"name": "apples", "type": "int"}'
PEARS = '{"name": "pears", "type": ["null", "int"], "default": null}'


def with_schema(schema):
    topics = {"orders": {"schemaSettings": {"schema": "order", "encoding": "JSON"}}}
    return {"projects": {"shop": {"schemas": {"order": schema}, "topics": topics}}}


def test_a_schema_is_there_before_the_topic_that_refers_to_it(sandbox, catalogue):
    apply(read_document(with_schema(TEXT)), sandbox.registry, START)
    settings = catalogue.topic("projects/shop/topics/orders").schema_settings
    assert settings.schema == "projects/shop/schemas/order"
    [schema] = SchemaBook(sandbox.registry).of_project("projects/shop", FULL)
    assert schema.definition == TEXT["definition"]


def test_a_schema_that_has_changed_gets_a_revision_and_another_none(sandbox):
    book = SchemaBook(sandbox.registry)
    for fields in (APPLES, APPLES, f"{APPLES}, {PEARS}"):
        schema = {"type": "AVRO", "definition": RECORD % fields}
        apply(read_document(with_schema(schema)), sandbox.registry, START)
    revisions = book.revisions("projects/shop/schemas/order", FULL)
    assert [PEARS in each.definition for each in revisions] == [False, True]


@pytest.mark.parametrize(
    "schema", [{"type": "AVRO", "definition": "nonsense"}, {"type": "AVRO", "definition": ""}]
)
def test_a_schema_that_is_none_is_told_with_its_place(sandbox, schema):
    topology = read_document(with_schema(schema), "app")
    [found] = problems(apply, topology, sandbox.registry, START)
    assert found.startswith("app: projects.shop.schemas.order: ")
    assert not sandbox.registry.schemas


def endpoints(text):
    topology = read_variables({"PUBSUB_PROJECT1": text})
    return {
        entry.resource.name.rpartition("/")[2]: entry.resource.push_config.push_endpoint
        for entry in topology.subscriptions
    }


def test_variables_have_the_form_of_the_popular_images():
    topology = read_variables(
        {
            "PUBSUB_PROJECT1": "shop, orders:mails:invoices,\n refunds",
            "PUBSUB_PROJECT10": "later,things",
            "PUBSUB_PROJECT3": "depot,parcels:drivers",
            "PUBSUB_PROJECT4": "",
            "PUBSUB_PROJECT5": "alone",
            "PUBSUB_PROJECT_ID": "ignored,topic",
        }
    )
    assert names(topology.topics) == [
        "projects/shop/topics/orders",
        "projects/shop/topics/refunds",
        "projects/depot/topics/parcels",
        "projects/later/topics/things",
    ]
    assert [(s.resource.topic, s.resource.name) for s in topology.subscriptions] == [
        ("projects/shop/topics/orders", "projects/shop/subscriptions/mails"),
        ("projects/shop/topics/orders", "projects/shop/subscriptions/invoices"),
        ("projects/depot/topics/parcels", "projects/depot/subscriptions/drivers"),
    ]


@pytest.mark.parametrize(
    ("written", "endpoint"),
    [
        ("http://localhost:9000/push", "http://localhost:9000/push"),
        ("https://example.com/a", "https://example.com/a"),
        ("localhost|9000/push", "http://localhost:9000/push"),
        ("localhost#9000", "http://localhost:9000"),
        ("localhost:9000/push", "http://localhost:9000/push"),
        ("localhost/push", "http://localhost/push"),
    ],
)
def test_an_endpoint_follows_a_plus_and_ends_before_the_next_subscription(written, endpoint):
    assert endpoints(f"shop,orders:mails+{written}:later,refunds:all+{written}") == {
        "mails": endpoint,
        "later": "",
        "all": endpoint,
    }


def test_a_topic_named_twice_has_the_subscriptions_of_both():
    assert list(endpoints("shop,orders:mails,orders:later")) == ["mails", "later"]


@pytest.mark.parametrize("text", [",orders", "shop,:mails", "shop,orders:", "shop,orders::mails"])
def test_a_variable_of_another_form_is_told_with_the_form(text):
    variables = {"PUBSUB_PROJECT2": text, "PUBSUB_PROJECT3": text}
    found = problems(read_variables, variables)
    assert [each.partition(":")[0] for each in found] == list(variables)
    assert all("expected PROJECT,TOPIC:SUBSCRIPTION" in each for each in found)


def test_no_variables_are_an_empty_topology():
    assert read_variables({"PATH": "/bin"}) == Topology()
