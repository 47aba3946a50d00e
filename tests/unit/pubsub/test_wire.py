import pytest
from google.pubsub_v1 import types
from hypothesis import given
from hypothesis import strategies as st

from emulator.pubsub import protos
from emulator.pubsub.rules import wire
from emulator.pubsub.rules.errors import InvalidArgument
from emulator.pubsub.rules.messages import Delivery

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
DRAFTS = st.builds(
    protos.PubsubMessage,
    data=st.binary(max_size=300),
    attributes=st.dictionaries(TEXT, TEXT, max_size=3),
    ordering_key=TEXT,
)
TIMES = st.floats(0, 4_000_000_000)


def test_the_types_are_those_of_the_client_library():
    assert types.PubsubMessage.pb() is protos.PubsubMessage


@given(DRAFTS, st.integers(1, 2**63), TIMES)
def test_a_stamped_message_is_the_draft_with_id_and_time(draft, number, time):
    expected = protos.PubsubMessage()
    expected.CopyFrom(draft)
    (message,) = wire.stamp([draft], [number], time)
    expected.message_id = str(number)
    expected.publish_time.FromMilliseconds(int(time * 1000))
    assert wire.parse(message.wire) == expected
    assert message.attributes == dict(expected.attributes)
    assert message.ordering_key == expected.ordering_key
    assert message.id == number


def test_id_and_time_from_a_publisher_are_not_kept():
    draft = protos.PubsubMessage(data=b"x", message_id="mine")
    draft.publish_time.FromSeconds(5)
    (message,) = wire.stamp([draft], [7], 3.5)
    parsed = wire.parse(message.wire)
    assert parsed.message_id == "7"
    assert parsed.publish_time.ToMilliseconds() == 3500


@given(DRAFTS, TIMES)
def test_a_message_comes_back_from_its_bytes(draft, time):
    (message,) = wire.stamp([draft], [7], time)
    again = wire.restore(7, message.wire)
    assert again.published_at == pytest.approx(message.published_at, abs=1e-6)
    assert again.attributes == message.attributes
    assert again.ordering_key == message.ordering_key
    assert again.wire == message.wire


@given(st.lists(DRAFTS, max_size=4), st.integers(1, 2**40), st.booleans())
def test_a_response_says_what_was_leased(drafts, first_lease, with_attempts):
    messages = wire.stamp(drafts, range(1, len(drafts) + 1), 1.5)
    deliveries = []
    for lease, message in enumerate(messages, first_lease):
        delivery = Delivery(message, attempts=lease % 300)
        delivery.lease = lease
        deliveries.append(delivery)
    response = protos.StreamingPullResponse.FromString(
        wire.received("f-9-", deliveries, with_attempts=with_attempts)
    )
    received = response.received_messages
    assert [entry.message for entry in received] == [wire.parse(m.wire) for m in messages]
    assert [entry.delivery_attempt for entry in received] == [
        delivery.attempts if with_attempts else 0 for delivery in deliveries
    ]
    assert wire.leases("f-9-", [entry.ack_id for entry in received]) == [
        d.lease for d in deliveries
    ]


def test_the_ack_id_of_another_subscription_names_no_lease():
    assert wire.leases("f-9-", ["f-a-5", "e-9-5", "9-5"]) == [-1, -1, -1]


@pytest.mark.parametrize("ack_id", ["", "9", "9-", "9-xyz", "rubbish"])
def test_what_is_not_an_ack_id_is_refused(ack_id):
    with pytest.raises(InvalidArgument, match=f"ack_id={ack_id}"):
        wire.leases("f-9-", [ack_id])


def test_a_dead_letter_keeps_data_attributes_and_key():
    draft = protos.PubsubMessage(data=b"x", attributes={"a": "b"}, ordering_key="k")
    (message,) = wire.stamp([draft], [1], 1.0)
    draft = wire.dead_letter(message, {"Source": "s"})
    parsed = wire.parse(wire.stamp([draft], [2], 9.0)[0].wire)
    assert (parsed.data, parsed.message_id, parsed.ordering_key) == (b"x", "2", "k")
    assert dict(parsed.attributes) == {"a": "b", "Source": "s"}
    assert parsed.publish_time.ToMilliseconds() == 9000
