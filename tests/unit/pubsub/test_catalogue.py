import re

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from emulator.pubsub import protos
from emulator.pubsub.rules import names
from emulator.pubsub.rules.catalogue import Catalogue
from emulator.pubsub.rules.errors import InvalidArgument, NotFound
from emulator.pubsub.rules.registry import Registry
from tests.unit.pubsub.sandbox import START, TOPIC, Sandbox

NAME = "projects/p/subscriptions/all"


@pytest.fixture
def catalogue() -> Catalogue:
    catalogue = Catalogue(Registry(Sandbox()))
    catalogue.create_topic(protos.Topic(name=TOPIC))
    return catalogue


def described(**fields):
    return protos.Subscription(**{"name": NAME, "topic": TOPIC, **fields})


def change(catalogue, *paths, **fields):
    return catalogue.update_subscription(described(**fields), FieldMask(paths=paths))


@pytest.mark.parametrize("field", ["detached", "state", "topic_message_retention_duration"])
def test_what_only_the_broker_tells_cannot_be_changed(catalogue, field):
    catalogue.create_subscription(described())
    with pytest.raises(InvalidArgument, match=f"{field} cannot be changed"):
        change(catalogue, field)


def test_a_subscription_is_attached_whatever_its_maker_says(catalogue):
    assert not catalogue.create_subscription(described(detached=True)).detached
    catalogue.detach_subscription(NAME)
    assert catalogue.subscription(NAME).detached


@pytest.mark.parametrize(
    "path", ["nope", "labels.foo", "push_config.nope", "ack_deadline_seconds.x", ".", "", "a..b"]
)
def test_a_path_that_names_no_field_is_told(catalogue, path):
    catalogue.create_subscription(described(labels={"foo": "bar"}))
    with pytest.raises(InvalidArgument, match=re.escape(f"there is no field {path}.")):
        change(catalogue, path)


def test_a_field_of_a_field_is_changed_alone(catalogue):
    catalogue.create_subscription(described(retry_policy={"minimum_backoff": {"seconds": 3}}))
    retry = {"minimum_backoff": {"seconds": 5}, "maximum_backoff": {"seconds": 7}}
    changed = change(catalogue, "retry_policy.maximum_backoff", retry_policy=retry).retry_policy
    assert (changed.minimum_backoff.seconds, changed.maximum_backoff.seconds) == (3, 7)


def test_labels_are_checked_wherever_they_are_given(catalogue):
    labels, mask = {"Colour": "red"}, FieldMask(paths=["labels"])
    snapshot = protos.Snapshot(name="projects/p/snapshots/before", labels=labels)
    catalogue.create_subscription(described())
    catalogue.create_topic(protos.Topic(name=TOPIC + "-2"))
    catalogue.create_snapshot(snapshot.name, NAME, {}, START)
    for give in (
        lambda: catalogue.create_topic(protos.Topic(name=TOPIC + "-3", labels=labels)),
        lambda: catalogue.update_topic(protos.Topic(name=TOPIC + "-2", labels=labels), mask),
        lambda: catalogue.create_subscription(described(name=NAME + "-2", labels=labels)),
        lambda: change(catalogue, "labels", labels=labels),
        lambda: catalogue.create_snapshot(snapshot.name + "-2", NAME, labels, START),
        lambda: catalogue.update_snapshot(snapshot, mask),
    ):
        with pytest.raises(InvalidArgument, match="key=Colour"):
            give()
    assert [topic.name for topic in catalogue.topics("projects/p")] == [TOPIC, TOPIC + "-2"]
    assert len(catalogue.subscriptions("projects/p")) == len(catalogue.snapshots("projects/p")) == 1
    assert not catalogue.subscription(NAME).labels


def test_exactly_once_delivery_is_for_those_who_pull(catalogue):
    push, exactly_once = {"push_endpoint": "http://x"}, {"enable_exactly_once_delivery": True}
    catalogue.create_subscription(described(**exactly_once))
    catalogue.create_subscription(described(name=NAME + "-pushed", push_config=push))
    pushed = described(name=NAME + "-pushed", **exactly_once)
    mask = FieldMask(paths=["enable_exactly_once_delivery"])
    for ask in (
        lambda: catalogue.create_subscription(
            described(name=NAME + "-2", push_config=push, **exactly_once)
        ),
        lambda: change(catalogue, "push_config", push_config=push),
        lambda: catalogue.modify_push_config(NAME, described(push_config=push).push_config),
        lambda: catalogue.update_subscription(pushed, mask),
    ):
        with pytest.raises(InvalidArgument, match="cannot have enable_exactly_once_delivery"):
            ask()
    assert not catalogue.subscription(NAME).push_config.push_endpoint
    assert len(catalogue.subscriptions("projects/p")) == 2


def test_a_subscription_tells_for_how_long_its_topic_retains_messages(catalogue):
    def topic(seconds):
        retention = {"seconds": seconds}
        return protos.Topic(name=TOPIC + "-2", message_retention_duration=retention)

    field = "topic_message_retention_duration"
    catalogue.create_topic(topic(600))
    made = catalogue.create_subscription(described(topic=TOPIC + "-2", **{field: {"seconds": 1}}))
    assert made.topic_message_retention_duration.seconds == 600
    catalogue.update_topic(topic(700), FieldMask(paths=["message_retention_duration"]))
    assert catalogue.subscription(NAME).topic_message_retention_duration.seconds == 700
    catalogue.update_topic(topic(800), FieldMask(paths=["message_retention_duration"]))
    (listed,) = catalogue.subscriptions("projects/p")
    assert listed.topic_message_retention_duration.seconds == 800
    catalogue.delete_topic(TOPIC + "-2")
    assert not catalogue.subscription(NAME).HasField(field)


def test_a_deleted_dead_letter_topic_does_not_stand_in_the_way_of_other_changes(catalogue):
    policy = {"dead_letter_topic": TOPIC + "-dead", "max_delivery_attempts": 5}
    catalogue.create_topic(protos.Topic(name=TOPIC + "-dead"))
    catalogue.create_subscription(described(dead_letter_policy=policy))
    catalogue.delete_topic(TOPIC + "-dead")
    changed = change(catalogue, "ack_deadline_seconds", ack_deadline_seconds=33)
    assert changed.ack_deadline_seconds == 33
    with pytest.raises(NotFound):
        change(catalogue, "dead_letter_policy.dead_letter_topic", dead_letter_policy=policy)


def test_a_pull_subscription_has_a_push_config_though_an_empty_one(catalogue):
    push = {"push_endpoint": "http://localhost:1/"}
    assert catalogue.create_subscription(described()).HasField("push_config")
    assert change(catalogue, "push_config", push_config=push).push_config.push_endpoint
    assert change(catalogue, "push_config").HasField("push_config")
    catalogue.modify_push_config(NAME, protos.PushConfig(**push))
    catalogue.modify_push_config(NAME, protos.PushConfig())
    assert catalogue.subscription(NAME).HasField("push_config")
    assert not catalogue.subscription(NAME).push_config.push_endpoint


def test_a_subscription_or_a_snapshot_without_a_name_gets_a_new_one(catalogue):
    subscriptions = [catalogue.create_subscription(described(name="")).name for _ in range(2)]
    assert len(set(subscriptions)) == 2
    for name in subscriptions:
        assert names.check("subscriptions", name).startswith("projects/p/")
        assert catalogue.subscription(name).name == name
        snapshot = catalogue.create_snapshot("", name, {}, START).name
        assert names.check("snapshots", snapshot).startswith("projects/p/")
        assert catalogue.snapshot(snapshot).name == snapshot
    with pytest.raises(InvalidArgument, match="name="):
        catalogue.create_subscription(described(name="", topic="nonsense"))
    with pytest.raises(InvalidArgument, match="name="):
        catalogue.create_snapshot("", "nonsense", {}, START)
