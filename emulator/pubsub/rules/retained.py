"""Messages retained for seek."""

from collections import deque
from collections.abc import Iterator

from emulator.pubsub.rules.messages import Message


class Retained(deque[Message]):
    """The messages that a topic or a subscription retains, oldest first."""

    def drain(self, published_before: float = float("inf")) -> Iterator[Message]:
        """Remove and yield the messages published before a time, in seconds since the epoch."""
        while self and self[0].published_at < published_before:
            yield self.popleft()
