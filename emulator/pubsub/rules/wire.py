"""Messages as bytes: serialized once when published, concatenated when delivered.

Serializing thousands of messages again for each delivery is what a broker in Python cannot
afford, and need not: a protobuf message is the concatenation of its fields, so the fields that
the broker adds are appended to what the publisher sent.
https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from emulator.pubsub.protos import PubsubMessage
from emulator.pubsub.rules.delivery import Delivery
from emulator.pubsub.rules.errors import InvalidArgument
from emulator.pubsub.rules.messages import NO_ATTRIBUTES, Message

# Tags of length-delimited fields: field number * 8 + 2.
_MESSAGE_ID = b"\x1a"  # PubsubMessage.message_id = 3
_PUBLISH_TIME = b"\x22"  # PubsubMessage.publish_time = 4
_ACK_ID = b"\x0a"  # ReceivedMessage.ack_id = 1
_MESSAGE = b"\x12"  # ReceivedMessage.message = 2
_DELIVERY_ATTEMPT = b"\x18"  # ReceivedMessage.delivery_attempt = 3, a varint
_RECEIVED_MESSAGES = b"\x0a"  # PullResponse and StreamingPullResponse.received_messages = 1

_NANOSECONDS = 1_000_000_000


def stamp(drafts: Iterable[Any], ids: Iterable[int], published_at: float) -> list[Message]:
    """Turn what a publisher sent into messages with ids and the time of publishing.

    Args:
        drafts: `PubsubMessage`s. Id and time in them are the server's to set: they are dropped.
        ids: One for each of them.
        published_at: Seconds since the epoch. Cut to whole milliseconds, as in production.
    """
    seconds, milliseconds = divmod(int(published_at * 1000), 1000)
    published_at = seconds + milliseconds / 1000
    time_field = _publish_time_field(seconds, milliseconds * 1_000_000)
    messages = []
    for draft, message_id in zip(drafts, ids, strict=False):
        if draft.message_id or draft.HasField("publish_time"):
            draft.ClearField("message_id")
            draft.ClearField("publish_time")
        attributes = dict(draft.attributes) if draft.attributes else NO_ATTRIBUTES
        digits = b"%d" % message_id
        wire = b"".join(
            (draft.SerializeToString(), _MESSAGE_ID, _varint(len(digits)), digits, time_field)
        )
        messages.append(Message(message_id, published_at, attributes, draft.ordering_key, wire))
    return messages


def parse(wire: bytes) -> Any:
    """Return the `PubsubMessage` that a message's bytes stand for."""
    return PubsubMessage.FromString(wire)


def restore(message_id: int, wire: bytes) -> Message:
    """Return the message that was recorded as these bytes."""
    proto = parse(wire)
    time = proto.publish_time
    return Message(
        message_id,
        time.seconds + time.nanos / _NANOSECONDS,
        dict(proto.attributes) if proto.attributes else NO_ATTRIBUTES,
        proto.ordering_key,
        wire,
    )


def compose_dead_letter(
    message: Message, attributes: Mapping[str, str], message_id: int, now: float
) -> Message:
    """Return the message that goes to a dead letter topic in place of a failed one."""
    draft = parse(message.wire)
    draft.attributes.update(attributes)
    return stamp([draft], [message_id], now)[0]


def received(subscription: int, deliveries: Sequence[Delivery], *, with_attempts: bool) -> bytes:
    """Return the `received_messages` of a pull or streaming pull response, serialized.

    Args:
        subscription: Its number, which becomes part of the ack ids.
        deliveries: What was leased.
        with_attempts: Whether to tell the delivery attempt, which production does for
            subscriptions with a dead letter policy only.
    """
    prefix = b"%x-" % subscription
    parts: list[bytes] = []
    for delivery in deliveries:
        ack_id = prefix + b"%x" % delivery.lease
        wire = delivery.message.wire
        head = b"".join((_ACK_ID, _varint(len(ack_id)), ack_id, _MESSAGE, _varint(len(wire))))
        tail = _DELIVERY_ATTEMPT + _varint(delivery.attempts) if with_attempts else b""
        parts += (
            _RECEIVED_MESSAGES,
            _varint(len(head) + len(wire) + len(tail)),
            head,
            wire,
            tail,
        )
    return b"".join(parts)


def leases(subscription: int, ack_ids: Iterable[str]) -> list[int]:
    """Return the leases that ack ids of a subscription name; -1 for another subscription's.

    Raises:
        InvalidArgument: If one is not an ack id of this broker.
    """
    prefix = f"{subscription:x}"
    found = []
    for ack_id in ack_ids:
        owner, _, lease = ack_id.partition("-")
        try:
            number = int(lease, 16)
        except ValueError:
            raise InvalidArgument(
                f"You have passed an invalid ack ID to the service (ack_id={ack_id})."
            ) from None
        found.append(number if owner == prefix else -1)
    return found


def _publish_time_field(seconds: int, nanoseconds: int) -> bytes:
    timestamp = b"\x08" + _varint(seconds) + b"\x10" + _varint(nanoseconds)
    return _PUBLISH_TIME + _varint(len(timestamp)) + timestamp


def _varint(number: int) -> bytes:
    """Return a number in protobuf's variable length: 7 bits a byte, the lowest first."""
    if number < 0x80:
        return _ONE_BYTE[number]
    if number < 0x4000:
        return bytes((number & 0x7F | 0x80, number >> 7))
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


_ONE_BYTE = [bytes((number,)) for number in range(0x80)]
