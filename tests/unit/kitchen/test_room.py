"""What jobs share: never more than there is, and everybody gets some in the order of arrival."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickthumb.kitchen.room import Room, TooLarge

LONG = 20.0
"""Seconds after which a test has failed."""


def soon() -> float:
    return time.monotonic() + LONG


def until_there_wait(count: int, room: Room) -> None:
    end = soon()
    while room.waiting != count:
        assert time.monotonic() < end
        time.sleep(0.0005)


class Takers:
    """Threads that want some of a room, arrived one after another."""

    def __init__(self, room: Room, amounts: list[int]) -> None:
        self.served: list[int] = []
        self.least = room.free
        self._room = room
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(len(amounts))
        self._jobs = []
        for number, amount in enumerate(amounts):
            self._jobs.append(self._pool.submit(self._take, number, amount))
            until_there_wait(number + 1, room)

    def _take(self, number: int, amount: int) -> None:
        self._room.take(amount, soon())
        with self._lock:
            self.served.append(number)
            self.least = min(self.least, self._room.free)
        time.sleep(0)
        self._room.give_back(amount)

    def wait(self) -> None:
        for job in self._jobs:
            job.result(LONG)
        self._pool.shutdown()


@settings(max_examples=50, deadline=None)
@given(st.data(), st.integers(1, 100))
def test_never_more_is_taken_than_there_is_and_everybody_is_served(data, size):
    room = Room(size)
    room.take(size, soon())
    amounts = data.draw(st.lists(st.integers(1, size), min_size=1, max_size=8))
    takers = Takers(room, amounts)
    room.give_back(size)
    takers.wait()
    assert takers.least >= 0
    assert room.free == size
    assert sorted(takers.served) == list(range(len(amounts)))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(51, 100), min_size=1, max_size=8))
def test_those_who_need_it_alone_are_served_in_the_order_of_arrival(amounts):
    room = Room(100)
    room.take(100, soon())
    takers = Takers(room, amounts)
    room.give_back(100)
    takers.wait()
    assert takers.served == list(range(len(amounts)))


def test_who_wants_little_does_not_overtake_who_wants_much():
    room = Room(100)
    room.take(60, soon())
    takers = Takers(room, [100, 1])
    assert room.free == 40
    assert takers.served == []
    room.give_back(60)
    takers.wait()
    assert takers.served == [0, 1]


def test_who_gives_up_is_no_longer_in_the_way():
    room = Room(100)
    room.take(60, soon())
    with ThreadPoolExecutor(2) as pool:
        much = pool.submit(room.take, 100, time.monotonic() + 0.2)
        until_there_wait(1, room)
        little = pool.submit(room.take, 40, soon())
        with pytest.raises(TimeoutError):
            much.result(LONG)
        little.result(LONG)
    assert (room.free, room.waiting) == (0, 0)


def test_what_there_will_never_be_is_not_waited_for():
    room = Room(100)
    with pytest.raises(TooLarge):
        room.take(101, soon())
    assert (room.free, room.waiting) == (100, 0)


def test_no_time_suffices_for_what_is_free():
    room = Room(100)
    room.take(100, time.monotonic() - 1)
    with pytest.raises(TimeoutError):
        room.take(1, time.monotonic() - 1)
