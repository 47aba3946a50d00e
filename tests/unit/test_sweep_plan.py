"""Sweeps walk over what is new often, and over everything seldom and in small pieces."""

import secrets
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickthumb import sweep as sweeping
from quickthumb.documents.job import Job
from quickthumb.documents.manifest import Manifest, Thumbnail
from quickthumb.documents.names import AFTER_IDS, new_id, ranges
from quickthumb.documents.rendition import Rendition
from quickthumb.policy import Policy
from quickthumb.store import Store
from quickthumb.store.ledger import Progress
from quickthumb.sweep import sweep_on
from quickthumb.sweeping.plan import ALL, NEW, RECENT
from quickthumb.sweeping.report import Report
from quickthumb.sweeping.sweeper import Sweeper
from tests.doubles import MemoryBucket, MemoryCloud

RENDITIONS = (Rendition.square(8),)
HOUR = 3600
REPEAT = 16**4 * HOUR
"""Seconds after which the hours in ids begin again."""


class CountingBucket(MemoryBucket):
    """Counts what it lists."""

    listed = 0

    def walk(self, prefix="", start="", end=""):
        for blob in super().walk(prefix, start, end):
            self.listed += 1
            yield blob


class House(MemoryCloud):
    """A cloud with a schedule that calls `sweep` every quarter of an hour."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.originals = CountingBucket("originals", now=lambda: self.time)
        self.processed = CountingBucket("processed", now=lambda: self.time)
        self.store = Store(self.originals, self.processed)

    def id(self) -> str:
        return new_id(self.time.timestamp())

    def upload(self, name: str | None = None) -> Job:
        name = name or self.id()
        return self.store.originals.keep(name, b"data", "image/png", "a.png", RENDITIONS)

    def end(self, job: Job) -> None:
        thumb = Thumbnail("8", f"{job.id}/8.jpg", "image/jpeg", 8, 8, 9, "0" * 64)
        manifest = Manifest(job.id, job.name, job.generation, thumbnails=(thumb,))
        self.store.results.put_thumbnails(manifest, [b"thumbnail"])
        assert self.store.results.put(manifest, self.store.results.read(job.id))

    def sweep(self, seconds=60, walk_seconds=60, **options) -> Report:
        options.setdefault("policy", Policy(per_second=100_000))
        sweeper = Sweeper(
            *(self.store, self.uploads, self.completed),
            default=RENDITIONS,
            now=lambda: self.time,
            **options,
        )
        return sweep_on(sweeper, seconds, walk_seconds)

    def published(self) -> list[str]:
        return [Job.from_json(body).id for body, _ in self.uploads.messages]

    def listed(self) -> int:
        """Return how many names were listed since the last call."""
        count = self.originals.listed + self.processed.listed
        self.originals.listed = self.processed.listed = 0
        return count

    def minutes_until_published(self, most: int) -> int:
        """Sweep every quarter of an hour until something is published again."""
        for minutes in range(0, most, 15):
            if self.sweep().published:
                return minutes
            self.later(minutes=15)
        raise AssertionError(f"nothing was published within {most} minutes")


@pytest.fixture
def house():
    house = House()
    house.sweep()  # the first one walks over everything
    house.later(minutes=15)
    return house


@pytest.mark.parametrize("prefix", ["", "incoming/announced/"])
def test_a_lost_job_is_found_within_half_an_hour(house, prefix):
    house.upload() if not prefix else house.originals.create(prefix + house.id(), b"", "x/y", {})
    assert house.minutes_until_published(24 * 60) == 15


def test_what_is_not_named_by_the_hour_is_found_within_a_day(house):
    house.originals.create("incoming/cat.png", b"data", "image/png", {})
    house.upload(new_id((house.time - timedelta(days=100)).timestamp()))
    assert 23 * 60 <= house.minutes_until_published(25 * 60) <= 24 * 60
    assert len(house.uploads.messages) == 2


def test_jobs_are_published_again_on_their_schedule(house):
    house.upload()
    times = []
    for minutes in range(0, 5 * 24 * 60, 15):
        times += [minutes] * house.sweep().published
        house.later(minutes=15)
    due = [15, 15 + 60, 15 + 60 + 240, 15 + 60 + 240 + 960]
    late = [time - planned for time, planned in zip(times, due, strict=True)]
    assert late[:2] == [0, 0]
    assert all(0 <= each <= 2 * 75 for each in late)


def test_a_sweep_lists_what_is_new_whatever_is_kept(house):
    costs = []
    for kept in (0, 300):
        for _ in range(kept):
            days = 3 + secrets.randbelow(1000)
            house.end(house.upload(new_id((house.time - timedelta(days=days)).timestamp())))
        house.later(days=2)
        house.sweep()
        house.later(hours=1)
        for _ in range(5):
            house.end(house.upload())
        house.listed()
        house.sweep()
        costs.append(house.listed())
    assert costs == [30, 30]  # three names of each upload, by two walks


def test_the_walk_over_everything_is_continued_until_its_end_and_rests_for_the_day(house):
    house.later(days=1)
    for _ in range(30):
        house.end(house.upload(secrets.token_hex(16)))
    runs = 0
    while house.sweep(walk_seconds=0).next:
        runs += 1
        house.later(minutes=15)
    assert runs == 30
    house.listed()
    house.sweep()
    assert house.listed() < 10


def test_a_walk_that_finds_something_goes_on(house):
    house.later(days=1)
    for _ in range(30):
        house.upload(secrets.token_hex(16))
    house.later(days=1)
    assert house.sweep(walk_seconds=0).published == 30


def test_every_sweep_continues_every_walk(house):
    house.later(days=1)
    old = house.upload(new_id((house.time - timedelta(days=100)).timestamp()))
    for _ in range(30):
        house.end(house.upload())
    house.later(hours=1)
    house.sweep(seconds=0, walk_seconds=0)
    assert house.published() == [old.id]
    assert all(each.next for each in house.store.ledger.progress().values())


def test_an_interrupted_walk_is_continued_as_it_was_begun(house):
    for _ in range(10):
        house.upload()
    house.later(hours=1)
    house.sweep(seconds=0, walk_seconds=0)
    begun = house.store.ledger.progress()["new"]
    assert begun.next
    house.later(hours=7)  # now that hour would be too old for another one
    house.sweep()
    assert len(set(house.published())) == 10
    assert house.store.ledger.progress()["new"] == Progress(begun.begun, None)


def test_a_walk_begins_again_when_the_clock_was_set_back(house):
    now = house.time
    for walk in (RECENT, ALL):
        done = {walk.name: Progress(now.timestamp(), None)}
        assert walk.progress(done, now) is None
        assert walk.progress(done, now - timedelta(days=2))


@given(st.integers(0, 2 * REPEAT), st.integers(0, 200 * HOUR))
def test_ids_of_some_hours_are_in_their_ranges(since, span):
    found = ranges(since, since + span)
    for at in (since, since + span // 2, since + span):
        assert sum(new_id(at) in each for each in found) == 1
    for at in (since + REPEAT - HOUR, since + span + HOUR):
        assert not any(new_id(at) in each for each in found)


def test_a_walk_is_continued_where_the_hours_begin_again(monkeypatch):
    house = House(time=datetime.fromtimestamp(3 * REPEAT - HOUR, UTC))
    jobs = [house.upload()]
    house.later(hours=1)
    jobs.append(house.upload())
    house.later(minutes=30)
    assert jobs[0].id.startswith("ffff")
    assert jobs[1].id.startswith("0000")
    seen = NEW.ranges(house.time.timestamp())
    assert seen[0].end == AFTER_IDS
    monkeypatch.setattr(sweeping, "NOTED_EVERY", 0.0)  # a piece for each upload
    house.sweep()
    assert house.published() == [job.id for job in jobs]


def test_an_id_is_that_of_this_hour_and_unlike_any_other():
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    [found] = ranges(time.time() - 60, time.time())
    assert all(id in found and len(id) == 32 for id in ids)
