"""How many push requests may be in flight to one endpoint, and when to pause.

https://docs.cloud.google.com/pubsub/docs/push#delivery_rate
"""

# Production documents only that it starts with a single digit.
INITIAL_SIZE = 8

MINIMUM_BACKOFF_SECONDS = 0.1
MAXIMUM_BACKOFF_SECONDS = 60.0


class PushWindow:
    """Slow start for one push subscription, with the documented push backoff.

    Each success widens the window by one, so it doubles with every round of deliveries. A failure
    halves it and, without a retry policy, pauses delivery: for 100 ms, then twice as long after
    each consecutive failure, up to 60 s. Failures of requests that were in flight at the time of
    the last failure count as the same incident.

    Attributes:
        size: How many requests may be in flight.
        paused_until: When delivery may continue, in seconds of the broker's clock.
    """

    def __init__(self, limit: int) -> None:
        """Start small.

        Args:
            limit: Largest size of the window.
        """
        self._limit = limit
        self.size = min(INITIAL_SIZE, limit)
        self._in_flight = 0
        self._pause = 0.0
        self._failed_at = float("-inf")
        self.paused_until = float("-inf")

    def room(self, now: float) -> int:
        """Return how many requests may be sent now."""
        return max(self.size - self._in_flight, 0) if now >= self.paused_until else 0

    def started(self, count: int) -> None:
        """Count requests that are now in flight."""
        self._in_flight += count

    def succeeded(self) -> None:
        """Count a request that was acknowledged."""
        self._in_flight -= 1
        self.size = min(self.size + 1, self._limit)
        self._pause = 0.0

    def failed(self, started_at: float, now: float, *, pause: bool) -> None:
        """Count a request that was refused, or not answered in time.

        Args:
            started_at: When it was sent, in seconds of the broker's clock.
            now: When it failed.
            pause: Whether to pause the subscription; False with a retry policy, which delays
                each failed message individually.
        """
        self._in_flight -= 1
        if started_at < self._failed_at:
            return
        self._failed_at = now
        self.size = max(self.size // 2, 1)
        if pause:
            pause_seconds = max(self._pause * 2, MINIMUM_BACKOFF_SECONDS)
            self._pause = min(pause_seconds, MAXIMUM_BACKOFF_SECONDS)
            self.paused_until = now + self._pause
