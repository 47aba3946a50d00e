from hypothesis import given
from hypothesis import strategies as st

from emulator.pubsub.rules.window import INITIAL_SIZE, PushWindow


def succeed(window, count):
    for _ in range(count):
        window.succeeded()


def test_the_window_doubles_in_every_round_that_succeeds():
    window = PushWindow(limit=1_000)
    for size in (INITIAL_SIZE, INITIAL_SIZE * 2, INITIAL_SIZE * 4):
        assert window.room(0.0) == size
        window.started(size)
        assert window.room(0.0) == 0
        succeed(window, size)


def test_the_window_never_exceeds_its_limit():
    window = PushWindow(limit=INITIAL_SIZE + 5)
    window.started(8)
    succeed(window, 8)
    assert window.size == INITIAL_SIZE + 5


def test_a_small_limit_is_kept_from_the_beginning():
    assert PushWindow(limit=2).size == 2


def test_a_failure_halves_the_window():
    window = PushWindow(limit=100)
    window.started(1)
    window.failed(0.0, 1.0, pause=False)
    assert window.size == INITIAL_SIZE // 2


def test_failures_of_one_incident_count_once():
    window = PushWindow(limit=100)
    window.started(16)
    for _ in range(16):
        window.failed(0.0, 1.0, pause=True)
    assert window.size == INITIAL_SIZE // 2
    assert window.paused_until == 1.1


def test_the_window_never_closes():
    window = PushWindow(limit=100)
    for now in range(1, 100):
        window.started(1)
        window.failed(float(now), now + 0.5, pause=False)
    assert window.size == 1


def test_pauses_double_up_to_a_minute():
    window = PushWindow(limit=100)
    pauses = []
    now = 0.0
    for _ in range(12):
        window.started(1)
        window.failed(now, now, pause=True)
        assert window.room(now) == 0
        pauses.append(round(window.paused_until - now, 3))
        now = window.paused_until
        assert window.room(now) > 0
    assert pauses[:4] == [0.1, 0.2, 0.4, 0.8]
    assert pauses[-2:] == [60.0, 60.0]


def test_a_success_makes_the_next_pause_short_again():
    window = PushWindow(limit=100)
    for now in (1.0, 2.0, 3.0):
        window.started(1)
        window.failed(now, now, pause=True)
    window.started(1)
    window.succeeded()
    window.started(1)
    window.failed(10.0, 10.0, pause=True)
    assert window.paused_until == 10.1


@given(st.integers(1, 50), st.lists(st.booleans(), max_size=60))
def test_as_many_are_in_flight_as_the_window_allows_and_no_more(limit, outcomes):
    window = PushWindow(limit)
    now, in_flight = 0.0, 0
    for succeeded in outcomes:
        now += 100.0
        room = window.room(now)
        assert in_flight + room <= limit
        window.started(room)
        in_flight += room
        if succeeded:
            window.succeeded()
        else:
            window.failed(now, now, pause=True)
        in_flight -= 1
        assert 1 <= window.size <= limit
        # What is in flight comes to its end before the next failure.
        for _ in range(in_flight):
            window.succeeded()
        in_flight = 0
