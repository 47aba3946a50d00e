"""Messages that nobody waits for any more, kept for seek."""

from collections import deque
from collections.abc import Iterator

from emulator.pubsub.rules.messages import Message


class Retained(deque[Message]):
    """What a topic or a subscription retains, oldest first."""

    def drain(self, published_before: float = float("inf")) -> Iterator[Message]:
        """Take out, one by one, what was published before a time, in seconds since the epoch."""
        while self and self[0].published_at < published_before:
            yield self.popleft()
