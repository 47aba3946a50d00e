"""One task for each subscription that the broker serves by itself."""

import asyncio
from collections.abc import Callable, Coroutine

from emulator.pubsub.rules.registry import Registry
from emulator.pubsub.rules.subscription import Subscription


class Tasks:
    """Runs at most one task for each subscription that exists."""

    def __init__(
        self, registry: Registry, ended: Callable[[Subscription, BaseException | None], None]
    ) -> None:
        """Start without tasks.

        Args:
            registry: Contains the subscriptions.
            ended: Is called when a task has ended by itself, with its error, if any.
        """
        self._registry = registry
        self._report = ended
        self._running: dict[int, asyncio.Task[None]] = {}

    def lacks(self, subscription: Subscription) -> bool:
        """Return whether a subscription exists and has no task."""
        return (
            subscription.number not in self._running
            and self._registry.subscriptions.get(subscription.name) is subscription
        )

    def start(self, subscription: Subscription, work: Coroutine[None, None, None]) -> None:
        """Start the task of a subscription that has none."""
        task = asyncio.get_running_loop().create_task(work)
        self._running[subscription.number] = task
        task.add_done_callback(lambda task: self._ended(subscription, task))

    async def close(self) -> None:
        """Cancel all tasks, and wait for their end."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, subscription: Subscription, task: asyncio.Task[None]) -> None:
        del self._running[subscription.number]
        if not task.cancelled():
            self._report(subscription, task.exception())
