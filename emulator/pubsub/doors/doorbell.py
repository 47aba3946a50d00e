"""Wakes whoever waits for messages, and advances the rules when something is due."""

import asyncio
from collections.abc import Callable

from emulator.pubsub.rules.subscription import Subscription

# While the machine sleeps, the timers of asyncio stand still and the broker's clock does not. So
# none is trusted for longer than this: who is rung too early looks, and waits again.
LONGEST_REST_SECONDS = 5.0


class Doorbell:
    """The broker's `Doors` on an asyncio loop: a bell where somebody waits, and one alarm."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start silent.

        Args:
            clock: Seconds since the epoch.
        """
        self._clock = clock
        self._bells: dict[int, asyncio.Event] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = float("inf")
        self._on_ready: list[Callable[[Subscription], None]] = []
        self._on_due: list[Callable[[float], None]] = []

    def connect(
        self, on_ready: Callable[[Subscription], None], on_due: Callable[[float], None]
    ) -> None:
        """Tell somebody else too: which subscription rings, and the time when the alarm does.

        The alarm may ring before anything is due: `on_due` sets it again with `due`.
        """
        self._on_ready.append(on_ready)
        self._on_due.append(on_due)

    def ready(self, subscription: Subscription) -> None:
        """Wake everyone who waits for this subscription now."""
        bell = self._bells.pop(subscription.number, None)
        if bell is not None:
            bell.set()
        for tell in self._on_ready:
            tell(subscription)

    def due(self, at: float) -> None:
        """Set the alarm, unless it rings earlier anyway."""
        if at >= self._alarm_at:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = at
        self._alarm = asyncio.get_running_loop().call_later(
            min(max(at - self._clock(), 0.0), LONGEST_REST_SECONDS), self._ring_alarm
        )

    async def wait(self, subscription: Subscription, timeout: float | None = None) -> None:
        """Return when the bell of a subscription rings, or after so many seconds, or earlier."""
        bell = self._bells.setdefault(subscription.number, asyncio.Event())
        if timeout is not None:
            timeout = min(timeout, LONGEST_REST_SECONDS)
        try:
            async with asyncio.timeout(timeout):
                await bell.wait()
        except TimeoutError:
            return

    def _ring_alarm(self) -> None:
        self._alarm = None
        self._alarm_at = float("inf")
        for tell in self._on_due:
            tell(self._clock())
