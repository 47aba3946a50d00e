"""The quick parser of publish requests against protobuf's own."""

import base64

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from emulator.pubsub import protos
from emulator.pubsub.doors.publish_json import add_messages

MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "data": st.none()
        | st.binary(max_size=40).map(lambda data: base64.b64encode(data).decode()),
        "attributes": st.none() | st.dictionaries(st.text(max_size=3), st.text(max_size=3)),
        "orderingKey": st.none() | st.text(max_size=3),
    },
)


@given(st.fixed_dictionaries({"messages": st.lists(MESSAGES, max_size=4)}))
def test_it_reads_what_the_other_reads(document):
    request = protos.PublishRequest(topic="t")
    assert add_messages(request, document)
    assert request == json_format.ParseDict(document, protos.PublishRequest(topic="t"))


@pytest.mark.parametrize(
    "document",
    [
        *({}, {"messages": None}, {"messages": 1}, {"messages": [], "topic": "t"}),
        *({"messages": {}, "bogus": 1}, {"messages": "text"}, {"messages": [[]]}),
        {"messages": [{"data": "aGk="}, {"data": "aGk"}]},
        {"messages": [{"data": "aGk="}, {"data": "%%%"}]},
        {"messages": [{"data": "-_-_"}]},
        {"messages": [{"data": "aGk=", "ordering_key": "k"}]},
        {"messages": [{"data": 1}]},
        {"messages": [{"attributes": {"a": 1}}]},
        {"messages": [{"attributes": ["a"]}]},
        {"messages": [{"orderingKey": 1}]},
        {"messages": [{"orderingKey": "\ud800"}]},
    ],
)
def test_what_it_does_not_read_is_left_as_it_was(document):
    request = protos.PublishRequest(topic="t")
    assert not add_messages(request, document)
    assert request == protos.PublishRequest(topic="t")
