"""What the rules say about anything that has to survive a restart."""

from collections.abc import Sequence
from typing import Literal

from emulator.pubsub.rules.messages import Message

Kind = Literal["subscriptions", "snapshots"]


class Ledger:
    """Told what has to survive. This one forgets it all: it is that of a broker in memory only.

    An owner is what keeps messages: a subscription or a snapshot, each with a number of its own.
    """

    def published(self, topic: str, messages: Sequence[Message]) -> None:
        """Take down messages that at least one owner or topic keeps."""

    def owed(self, owner: int, messages: Sequence[Message]) -> None:
        """Take down that an owner keeps messages, which are to be delivered (again)."""

    def attempted(self, owner: int, message: int, attempts: int) -> None:
        """Take down how many deliveries of a message have failed."""

    def acknowledged(self, owner: int, message: int) -> None:
        """Take down that a message is acknowledged, and kept for seek."""

    def settled(self, owner: int, message: int) -> None:
        """Take down that an owner does not need a message any more."""

    def forgotten(self, message: int) -> None:
        """Take down that nobody needs a message any more."""

    def topic_saved(self, name: str, description: bytes) -> None:
        """Take down a topic that is new or has changed."""

    def topic_deleted(self, name: str) -> None:
        """Take down that a topic is gone: a later one of its name does not inherit its messages."""

    def owner_saved(self, kind: Kind, number: int, name: str, description: bytes) -> None:
        """Take down an owner that is new or has changed."""

    def owner_deleted(self, kind: Kind, number: int) -> None:
        """Take down that an owner is gone."""
