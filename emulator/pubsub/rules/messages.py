"""A published message as the broker keeps it."""

from collections.abc import Mapping

NO_ATTRIBUTES: Mapping[str, str] = {}


class Message:
    """One published message. Its content never changes; who still needs it does.

    Attributes:
        id: The message id, larger than every id given before it.
        published_at: Seconds since the epoch.
        attributes: What filters look at.
        ordering_key: Empty when the message has none.
        wire: The serialized `PubsubMessage`, with id and publish time, as subscribers get it.
        holders: How many subscriptions and topics still keep it. The journal forgets the
            message when the last one lets go.
    """

    __slots__ = ("attributes", "holders", "id", "ordering_key", "published_at", "wire")

    def __init__(
        self,
        message_id: int,
        published_at: float,
        attributes: Mapping[str, str],
        ordering_key: str,
        wire: bytes,
    ) -> None:
        self.id = message_id
        self.published_at = published_at
        self.attributes = attributes
        self.ordering_key = ordering_key
        self.wire = wire
        self.holders = 0

    def __repr__(self) -> str:
        return f"Message({self.id}, {len(self.wire)} bytes)"
