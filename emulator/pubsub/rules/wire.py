"""Messages in serialized form: serialized once when published, concatenated when delivered.

Serializing each message again for each delivery would be too slow in Python, and is not necessary:
a serialized protobuf message is the concatenation of its fields, so the fields that the broker adds
are appended to those of the publisher.
https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from emulator.pubsub.protos import PubsubMessage
from emulator.pubsub.rules.errors import InvalidArgument
from emulator.pubsub.rules.messages import NO_ATTRIBUTES, Delivery, Message

# Tags of length-delimited fields: field number * 8 + 2.
_MESSAGE_ID = b"\x1a"  # PubsubMessage.message_id = 3
_ACK_ID = b"\x0a"  # ReceivedMessage.ack_id = 1
_MESSAGE = b"\x12"  # ReceivedMessage.message = 2
_DELIVERY_ATTEMPT = b"\x18"  # ReceivedMessage.delivery_attempt = 3, a varint
_RECEIVED_MESSAGES = b"\x0a"  # PullResponse and StreamingPullResponse.received_messages = 1


def stamp(
    drafts: Iterable[Any], ids: Iterable[int], now: float, wall: float | None = None
) -> list[Message]:
    """Return published messages, with id and publish time.

    Args:
        drafts: `PubsubMessage`s from a publisher; their ids and publish times are dropped.
        ids: An id for each of them.
        now: Seconds since the epoch, by the broker's clock.
        wall: By the machine's clock, which clients see; None if it is the same. Truncated to
            milliseconds, as in production.
    """
    seconds, milliseconds = divmod(int((now if wall is None else wall) * 1000), 1000)
    published_at = seconds + milliseconds / 1000
    arrived_at = published_at if wall is None else now
    time = {"seconds": seconds, "nanos": milliseconds * 1_000_000}
    time_field = PubsubMessage(publish_time=time).SerializeToString()
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
        messages.append(
            Message(
                message_id,
                published_at,
                attributes,
                draft.ordering_key,
                wire,
                arrived_at=arrived_at,
            )
        )
    return messages


def parse(wire: bytes) -> Any:
    """Parse a serialized `PubsubMessage`."""
    return PubsubMessage.FromString(wire)


def restore(message_id: int, wire: bytes) -> Message:
    """Return a message from its recorded form."""
    proto = parse(wire)
    time = proto.publish_time
    return Message(
        message_id,
        time.seconds + time.nanos / 1_000_000_000,
        dict(proto.attributes) if proto.attributes else NO_ATTRIBUTES,
        proto.ordering_key,
        wire,
    )


def set_attributes(message: Message, attributes: Mapping[str, str]) -> None:
    """Change attributes of a message, for those who receive it from now on.

    Of several entries with the same key, the last counts.
    """
    message.attributes = {**message.attributes, **attributes}
    message.wire += PubsubMessage(attributes=attributes).SerializeToString()


def dead_letter(message: Message, attributes: Mapping[str, str]) -> Any:
    """Return the draft that is published to a dead letter topic for a failed message."""
    draft = parse(message.wire)
    draft.attributes.update(attributes)
    return draft


def received(ack_prefix: str, deliveries: Sequence[Delivery], *, with_attempts: bool) -> bytes:
    """Return the `received_messages` of a pull or streaming pull response, serialized.

    Args:
        ack_prefix: What the ack ids of the subscription begin with.
        deliveries: The leased deliveries.
        with_attempts: Whether to include the delivery attempt, which production does only for
            subscriptions with a dead letter policy.
    """
    prefix = ack_prefix.encode()
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


def leases(ack_prefix: str, ack_ids: Iterable[str]) -> list[int]:
    """Return the leases of ack ids; -1 for those that do not begin with a subscription's prefix.

    Raises:
        InvalidArgument: If an ack id is malformed.
    """
    found = []
    for ack_id in ack_ids:
        owner, dash, lease = ack_id.rpartition("-")
        try:
            number = int(lease if dash else "", 16)
        except ValueError:
            raise InvalidArgument(
                f"You have passed an invalid ack ID to the service (ack_id={ack_id})."
            ) from None
        found.append(number if owner + dash == ack_prefix else -1)
    return found


def _varint(number: int) -> bytes:
    """Encode a number as a protobuf varint: 7 bits per byte, lowest first."""
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
