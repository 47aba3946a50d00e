import asyncio
import time

from emulator.pubsub.doors import doorbell as bells
from emulator.pubsub.doors.doorbell import Doorbell
from tests.unit.pubsub.sandbox import Sandbox


def test_a_bell_right_after_the_start_of_waiting_is_not_missed():
    async def run():
        doorbell = Doorbell(time.time)
        subscription = Sandbox().subscribe()
        loop = asyncio.get_running_loop()
        waiting = loop.create_task(doorbell.wait(subscription, 60))
        # Runs after the first step of the task above, and before anything that step may start.
        loop.call_soon(doorbell.ready, subscription)
        await asyncio.wait_for(waiting, 20)

    asyncio.run(run())


def test_everyone_who_waits_is_woken():
    async def run():
        doorbell = Doorbell(time.time)
        subscription = Sandbox().subscribe()
        waiting = [asyncio.ensure_future(doorbell.wait(subscription)) for _ in range(3)]
        await asyncio.sleep(0)
        doorbell.ready(subscription)
        await asyncio.wait_for(asyncio.gather(*waiting), 20)

    asyncio.run(run())


def test_waiting_ends_with_its_timeout():
    async def run():
        await Doorbell(time.time).wait(Sandbox().subscribe(), 0.001)

    asyncio.run(asyncio.wait_for(run(), 20))


def test_the_alarm_rings_for_the_earliest_that_is_due():
    async def run():
        doorbell = Doorbell(lambda: 100.0)
        rung = asyncio.Event()
        doorbell.connect(on_ready=lambda _: None, on_due=lambda _: rung.set())
        doorbell.due(100.0 + 3600)
        doorbell.due(100.001)
        await asyncio.wait_for(rung.wait(), 20)

    asyncio.run(run())


class Sleeper:
    """A clock that goes on while the machine sleeps, unlike asyncio's timers."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_alarm_rings_soon_after_a_suspend(monkeypatch):
    monkeypatch.setattr(bells, "LONGEST_REST_SECONDS", 0.001)

    async def run():
        clock = Sleeper()
        doorbell = Doorbell(clock)
        rung = asyncio.Event()

        def look(now):
            if now >= 3_700:
                rung.set()
            else:
                doorbell.due(3_700)

        doorbell.connect(on_ready=lambda _: None, on_due=look)
        doorbell.due(3_700)
        clock.now = 4_000
        await asyncio.wait_for(rung.wait(), 20)

    asyncio.run(run())


def test_waiting_is_checked_soon_after_a_suspend(monkeypatch):
    monkeypatch.setattr(bells, "LONGEST_REST_SECONDS", 0.001)

    async def run():
        await Doorbell(time.time).wait(Sandbox().subscribe(), 3_600)

    asyncio.run(asyncio.wait_for(run(), 20))
