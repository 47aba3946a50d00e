"""Wakes receivers when there are messages, and advances the rules when something is due."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from emulator.pubsub.rules.subscription import Subscription

# While the machine sleeps, asyncio's timers stand still, unlike the broker's clock. So no timer
# runs longer than this; receivers that wake too early check for messages, and wait again.
LONGEST_REST_SECONDS = 5.0


class Doorbell:
    """The `Doors` on an asyncio loop: a bell for each subscription waited for, and one alarm."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start without receivers.

        Args:
            clock: Returns seconds since the epoch.
        """
        self._clock = clock
        self._bells: dict[int, asyncio.Event] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = float("inf")
        self._on_ready: Callable[[Subscription], None] = lambda _: None
        self._on_due: Callable[[float], None] = lambda _: None

    def connect(
        self, on_ready: Callable[[Subscription], None], on_due: Callable[[float], None]
    ) -> None:
        """Set callbacks for when a subscription is ready, and for the alarm with the time.

        The alarm may ring too early; `on_due` then sets it again with `due`.
        """
        self._on_ready = on_ready
        self._on_due = on_due

    def ready(self, subscription: Subscription) -> None:
        """Wake everyone who waits for this subscription."""
        bell = self._bells.pop(subscription.number, None)
        if bell is not None:
            bell.set()
        self._on_ready(subscription)

    def due(self, at: float) -> None:
        """Set the alarm, unless it is set to an earlier time."""
        if at >= self._alarm_at:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = at
        self._alarm = asyncio.get_running_loop().call_later(
            min(max(at - self._clock(), 0.0), LONGEST_REST_SECONDS), self._ring_alarm
        )

    async def wait(self, subscription: Subscription, timeout: float | None = None) -> None:
        """Wait until a subscription is ready, or for this many seconds; may return earlier."""
        bell = self._bells.setdefault(subscription.number, asyncio.Event())
        if timeout is not None:
            timeout = min(timeout, LONGEST_REST_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await bell.wait()

    def _ring_alarm(self) -> None:
        self._alarm = None
        self._alarm_at = float("inf")
        self._on_due(self._clock())
