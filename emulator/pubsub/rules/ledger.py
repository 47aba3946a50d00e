"""What the rules record so that it survives a restart."""

from collections.abc import Sequence
from typing import Literal

from emulator.pubsub.rules.messages import Message

Kind = Literal["subscriptions", "snapshots"]


class Ledger:
    """Records changes. This one, for a broker in memory, discards them.

    An owner is a subscription or a snapshot, identified by its number. It holds messages.
    """

    def published(self, topic: str, messages: Sequence[Message]) -> None:
        """Record messages that at least one owner or topic holds."""

    def owed(self, owner: int, messages: Sequence[Message]) -> None:
        """Record that an owner holds messages that have to be delivered, or redelivered."""

    def attempted(self, owner: int, message: int, attempts: int) -> None:
        """Record how many deliveries of a message have failed."""

    def acknowledged(self, owner: int, message: int) -> None:
        """Record that a message is acknowledged, and retained for seek."""

    def settled(self, owner: int, message: int) -> None:
        """Record that an owner no longer holds a message."""

    def forgotten(self, message: int) -> None:
        """Record that nobody holds a message any more."""

    def rewritten(self, message: Message) -> None:
        """Record that the content of a message has changed."""

    def topic_saved(self, name: str, description: bytes) -> None:
        """Record a new or changed topic."""

    def topic_deleted(self, name: str) -> None:
        """Record that a topic is deleted. A new topic of that name does not get its messages."""

    def owner_saved(self, kind: Kind, number: int, name: str, description: bytes) -> None:
        """Record a new or changed owner."""

    def owner_deleted(self, kind: Kind, number: int) -> None:
        """Record that an owner is deleted."""

    def schema_saved(self, name: str, revision: str, description: bytes) -> None:
        """Record a new revision of a schema, newer than all before it."""

    def schema_deleted(self, name: str, revision: str | None = None) -> None:
        """Record that a revision of a schema is deleted, or the schema."""

    def access_saved(self, resource: str, policy: bytes) -> None:
        """Record the access policy of a resource; it is deleted with the resource."""
