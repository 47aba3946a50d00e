import pytest

from emulator.pubsub import protos
from emulator.pubsub.rules.errors import InvalidArgument
from emulator.pubsub.rules.resources import complete_topic

TOPIC = "projects/p/topics/things"
SOURCES = protos.Topic().ingestion_data_source_settings.DESCRIPTOR.oneofs_by_name["source"].fields


def importing(kind: str, without: str = ""):
    """Return a topic that imports, with every text of its source filled in but one."""
    topic = protos.Topic(name=TOPIC, ingestion_data_source_settings={kind: {}})
    source = getattr(topic.ingestion_data_source_settings, kind)
    for field in source.DESCRIPTOR.fields:
        if field.type == field.TYPE_STRING and field.name != without:
            setattr(source, field.name, "x")
    return topic


def state_name(message) -> str:
    return message.DESCRIPTOR.fields_by_name["state"].enum_type.values_by_number[message.state].name


def test_a_topic_that_imports_nothing_is_active():
    topic = protos.Topic(name=TOPIC, ingestion_data_source_settings={})
    complete_topic(topic)
    assert state_name(topic) == "ACTIVE"


@pytest.mark.parametrize("kind", [field.name for field in SOURCES])
def test_a_topic_that_imports_says_that_its_source_is_missing(kind):
    topic = importing(kind)
    complete_topic(topic)
    assert state_name(topic) == "INGESTION_RESOURCE_ERROR"
    state = state_name(getattr(topic.ingestion_data_source_settings, kind))
    assert state.endswith("_NOT_FOUND") or state.startswith("UNREACHABLE_")


def test_a_topic_that_no_longer_imports_is_active_again():
    topic = importing("aws_kinesis")
    complete_topic(topic)
    topic.ClearField("ingestion_data_source_settings")
    complete_topic(topic)
    assert state_name(topic) == "ACTIVE"


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("aws_kinesis", "stream_arn"),
        ("aws_msk", "cluster_arn"),
        ("confluent_cloud", "cluster_id"),
    ],
)
def test_a_source_without_a_required_field_is_refused(kind, field):
    with pytest.raises(InvalidArgument, match=f"{kind} of {TOPIC}: it must have {field}"):
        complete_topic(importing(kind, without=field))
