"""How many pushes may be in flight to one endpoint, and when to stop for a while.

https://docs.cloud.google.com/pubsub/docs/push#delivery_rate
"""

# Production says that it begins with a single digit, and no more.
INITIAL_SIZE = 8

MINIMUM_BACKOFF_SECONDS = 0.1
MAXIMUM_BACKOFF_SECONDS = 60.0


class PushWindow:
    """Slow start for one push subscription, with the documented push backoff.

    Each success widens the window by one, so it doubles in every round of deliveries. A failure
    halves it and, for a subscription without retry policy, pauses delivery for 100 ms, twice as
    long for each further failure in a row, up to 60 s. Deliveries that were under way when the
    last failure was noticed belong to the same incident and change nothing.
    """

    def __init__(self, limit: int) -> None:
        """Start small.

        Args:
            limit: Most pushes in flight, whatever the endpoint can take.
        """
        self._limit = limit
        self._size = min(INITIAL_SIZE, limit)
        self._in_flight = 0
        self._pause = 0.0
        self._failed_at = float("-inf")
        self.paused_until = float("-inf")

    @property
    def size(self) -> int:
        """Pushes that may be in flight now."""
        return self._size

    def room(self, now: float) -> int:
        """Return how many pushes may be started at this moment."""
        if now < self.paused_until:
            return 0
        return max(self._size - self._in_flight, 0)

    def started(self, count: int) -> None:
        """Count pushes that are now in flight."""
        self._in_flight += count

    def succeeded(self) -> None:
        """Note an acknowledged push."""
        self._in_flight -= 1
        self._size = min(self._size + 1, self._limit)
        self._pause = 0.0

    def failed(self, started_at: float, now: float, *, pause: bool) -> None:
        """Note a push that was refused, or not answered in time.

        Args:
            started_at: When this push was sent, in seconds of the broker's clock.
            now: When its failure was noticed.
            pause: Whether this may pause the whole subscription. Not with a retry policy, which
                makes each failed message wait by itself.
        """
        self._in_flight -= 1
        if started_at < self._failed_at:
            return
        self._failed_at = now
        self._size = max(self._size // 2, 1)
        if pause:
            self._pause = min(
                max(self._pause * 2, MINIMUM_BACKOFF_SECONDS), MAXIMUM_BACKOFF_SECONDS
            )
            self.paused_until = now + self._pause
