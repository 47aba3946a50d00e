"""How jobs share the memory of an instance."""

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quickthumb.documents.rendition import Rendition
from quickthumb.kitchen import Kitchen, job
from quickthumb.kitchen.room import Room
from quickthumb.limits import JOBS_BYTES, Limits
from quickthumb.problems import (
    Corrupt,
    DecoderCrashed,
    InvalidSetting,
    TooManyBytes,
    TooManyPixels,
    TooSlow,
    Unavailable,
)
from tests import needs
from tests.unit.kitchen.cooks import OBEDIENT
from tests.unit.kitchen.test_kitchen import LONG, needs_posix, until

pytestmark = [needs_posix, pytest.mark.slow]

RENDITIONS = (Rendition.square(8),)
LIMITS = Limits()
MUCH = LIMITS.max_decoded_bytes
"""Two pictures that need that much are not decoded at the same time."""


class Watched(Room):
    """Remembers how little of it was free."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.least = size

    def take(self, amount: int, end: float) -> None:
        super().take(amount, end)
        self.least = min(self.least, self.free)


class Shared(Kitchen):
    """A kitchen whose children do what a picture says."""

    def __init__(self, children: int = 2, **limits: float) -> None:
        super().__init__(Limits(**limits), children, cook=OBEDIENT)
        self.memory = self.watched = Watched(self.memory.size)
        self.originals = self.larder = Watched(self.originals.size)

    def ask(self, command: str, size: int = 0) -> object:
        """Do a job whose original has that many bytes, and whose picture says that."""
        with self.job(size) as held:
            [picture] = held.render(command.encode(), RENDITIONS).thumbnails
        return json.loads(picture.data)

    def is_free(self) -> bool:
        """Return whether nobody has or wants anything."""
        rooms = (self.originals, self.memory, self.places, self.door)
        return all(room.free == room.size and not room.waiting for room in rooms)


@pytest.fixture(scope="module")
def shared() -> Iterator[Shared]:
    kitchen = Shared()
    yield kitchen
    kitchen.close()


@pytest.fixture
def kitchen() -> Iterator[Shared]:
    kitchen = Shared()
    yield kitchen
    assert kitchen.is_free()
    kitchen.close()


jobs = st.tuples(
    st.integers(0, 130_000_000),
    st.integers(0, MUCH + LIMITS.max_result_bytes),
    st.sampled_from(["pid", "pid", "sleep 0.005", "weigh 100000", "refuse"]),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(jobs, min_size=1, max_size=12))
def test_whatever_jobs_there_are_all_end_and_never_take_more_than_there_is(shared, several):
    def do(size: int, memory: int, command: str) -> None:
        try:
            shared.ask(f"with {memory} {command}", size)
        except Corrupt:
            assert command == "refuse"

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(do, *each) for each in several]:
            done.result(LONG)
    assert shared.watched.least >= 0
    assert shared.larder.least >= 0
    assert shared.is_free()


def stuck(kitchen: Shared, pool: ThreadPoolExecutor, memory: int):
    """Have a child that hangs in a picture, until it is killed; return its job and its pid."""
    kitchen.warm()
    pid = kitchen.ask("pid")
    free = kitchen.memory.free
    hanging = pool.submit(kitchen.ask, f"with {memory} sleep_when_damaged")
    assert until(lambda: kitchen.memory.free <= free - memory)
    return hanging, pid


@needs.posix("signals")
def test_a_small_picture_does_not_wait_for_a_large_one(kitchen):
    with ThreadPoolExecutor(1) as pool:
        hanging, pid = stuck(kitchen, pool, MUCH)
        assert kitchen.ask("with 1000 pid") != pid
        assert not hanging.done()
        os.kill(pid, signal.SIGKILL)
        hanging.result(LONG)


@needs.posix("signals")
def test_a_large_picture_waits_for_a_large_one_and_those_behind_it_wait_too(kitchen):
    with ThreadPoolExecutor(3) as pool:
        hanging, pid = stuck(kitchen, pool, MUCH)
        large = pool.submit(kitchen.ask, f"with {MUCH} pid")
        assert until(lambda: kitchen.memory.waiting == 1)
        small = pool.submit(kitchen.ask, "with 1000 pid")
        assert until(lambda: kitchen.door.waiting == 1)
        assert not hanging.done()
        os.kill(pid, signal.SIGKILL)
        for each in (hanging, large, small):
            each.result(LONG)


def test_the_time_that_a_picture_waits_for_memory_is_not_its_own():
    kitchen = Shared(max_seconds=0.5)
    kitchen.memory.take(MUCH, time.monotonic() + LONG)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(kitchen.ask, f"with {MUCH} pid")
        assert until(lambda: kitchen.memory.waiting == 1)
        time.sleep(kitchen.seconds + 1)
        kitchen.memory.give_back(MUCH)
        assert isinstance(waiting.result(LONG), int)
    kitchen.close()


def test_thumbnails_count_until_they_are_stored(kitchen):
    with kitchen.job(1000) as held:
        rendered = held.render(b"weigh 1000000", RENDITIONS)
        weight = sum(len(picture.data) for picture in rendered.thumbnails)
        assert kitchen.memory.size - kitchen.memory.free == weight > 1_000_000
        assert kitchen.originals.size - kitchen.originals.free == 1000
        assert kitchen.places.free == 2
    assert kitchen.is_free()


def test_an_original_counts_before_it_is_fetched(kitchen, monkeypatch):
    monkeypatch.setattr(job, "PATIENCE", 0.05)
    with kitchen.job(100_000_000):
        with pytest.raises(Unavailable, match="QUICKTHUMB_JOBS_BYTES"), kitchen.job(100_000_000):
            pytest.fail("there is no memory")
        with kitchen.job(1_000_000):
            pass


def test_an_original_that_is_larger_than_it_said_counts_as_it_is(kitchen):
    with kitchen.job(10) as held:
        held.render(b"pid" + b" " * 1000, RENDITIONS)
        assert kitchen.originals.size - kitchen.originals.free == 1003


def test_an_original_that_never_fits_is_refused(kitchen):
    with pytest.raises(TooManyBytes, match="at most"), kitchen.job(kitchen.originals.size + 1):
        pytest.fail("it does not fit")


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("refuse", Corrupt),
        ("early refuse", Corrupt),
        ("segfault", DecoderCrashed),
        ("early segfault", DecoderCrashed),
        ("eat", TooManyPixels),
        ("early eat", TooManyPixels),
        ("spin", TooSlow),
        ("early spin", TooSlow),
    ],
)
def test_whatever_happens_everything_is_given_back(command, error):
    kitchen = Shared(max_seconds=0.2 if "spin" in command else 15)
    with pytest.raises(error):
        kitchen.ask(f"with 1000 {command}", size=1000)
    assert kitchen.is_free()
    kitchen.close()


def test_a_job_that_gives_up_waiting_for_memory_leaves_nothing(kitchen, monkeypatch):
    kitchen.ask("pid")
    monkeypatch.setattr(job, "PATIENCE", 1.0)
    kitchen.memory.take(MUCH, time.monotonic() + LONG)
    with pytest.raises(Unavailable, match="Other jobs have had all memory"):
        kitchen.ask(f"with {MUCH} pid")
    kitchen.memory.give_back(MUCH)
    assert kitchen.is_free()
    assert kitchen.idle == []  # its child waited too, and cannot be used again
    assert isinstance(kitchen.ask("pid"), int)


def test_a_picture_that_claims_to_need_more_than_there_is_has_a_broken_child(kitchen):
    with pytest.raises(DecoderCrashed):
        kitchen.ask("with 9999999999 pid")


def test_memory_that_does_not_suffice_for_one_job_is_an_invalid_setting():
    with pytest.raises(InvalidSetting, match="QUICKTHUMB_JOBS_BYTES: 500000000: expected more"):
        Kitchen(LIMITS, memory=500_000_000)
    assert Kitchen(LIMITS, memory=JOBS_BYTES).originals.size > 100 * 2**20
