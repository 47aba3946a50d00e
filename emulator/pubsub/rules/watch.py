"""What the rules tell whoever watches the messages."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from emulator.pubsub.rules.messages import Delivery, Message

if TYPE_CHECKING:
    from emulator.pubsub.rules.subscription import Subscription


class Watch:
    """Told of what happens to messages, as it happens. This one, for nobody, ignores it.

    Times are seconds since the epoch.
    """

    def published(self, topic: str, messages: Sequence[Message]) -> None:
        """Messages were published to a topic, given by its full name."""

    def leased(self, subscription: "Subscription", deliveries: Sequence[Delivery]) -> None:
        """Messages were pushed, or given to a client that pulls."""

    def acknowledged(self, subscription: "Subscription", deliveries: Iterable[Delivery]) -> None:
        """Messages were acknowledged."""

    def failed(self, subscription: "Subscription", delivery: Delivery, until: float) -> None:
        """A delivery failed; the message waits until this time."""

    def died(self, subscription: "Subscription", delivery: Delivery, letter: Message) -> None:
        """The last delivery of a message failed; `letter` is published in its place."""
