"""Slow requests: when reading them ends."""

import socket
import threading
import time
from contextlib import suppress

import pytest

from quickthumb import patience
from quickthumb.patience import Patience


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(patience, "TICK_SECONDS", 0.01)


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for end in (ours, theirs):
            end.settimeout(60)
        yield ours, theirs


def test_a_request_that_does_not_arrive_ends(pair):
    ours, _ = pair
    with Patience(0.02).with_reading(ours):
        assert ours.recv(1) == b""


def test_a_request_that_arrives_in_drops_ends_too(pair):
    ours, theirs = pair
    with Patience(0.1).with_reading(ours):
        with suppress(BrokenPipeError):
            while True:
                theirs.send(b".")
                ours.recv(1)
                time.sleep(0.01)
        assert ours.recv(1) == b""


def test_a_connection_that_was_read_in_time_stays_open(pair):
    ours, theirs = pair
    watch = Patience(0.02)
    with watch.with_reading(ours):
        pass
    with watch.with_reading(theirs):
        assert theirs.recv(1) == b""  # a later deadline than that of the first has passed
    theirs.send(b"x")
    assert ours.recv(1) == b"x"


def test_one_thread_watches_all(pair):
    ours, theirs = pair
    before = threading.active_count()
    watch = Patience(60)
    for _ in range(10):
        with watch.with_reading(ours), watch.with_reading(theirs):
            pass
    assert threading.active_count() == before + 1
