"""What versions before tombstones left in the buckets is kept, shown and deleted as ever."""

import json
from datetime import timedelta

import pytest

from quickthumb.documents.manifest import Manifest, Thumbnail
from quickthumb.documents.names import new_id
from quickthumb.documents.rendition import Rendition
from quickthumb.ending import without_original
from quickthumb.policy import Policy
from quickthumb.problems import Corrupt, GaveUp
from quickthumb.store import Store
from quickthumb.sweep import sweep
from quickthumb.sweeping.report import Report
from quickthumb.sweeping.sweeper import Sweeper
from tests.doubles import MemoryCloud, left_in

RENDITIONS = (Rendition.square(8),)
DROPPING = Policy(drop_seconds=3600)


class Old(MemoryCloud):
    """Buckets as an earlier version left them: results do not tell their original."""

    @property
    def store(self):
        return Store(self.originals, self.processed)

    def upload(self):
        return self.store.originals.keep(new_id(), b"data", "image/png", "a.png", RENDITIONS)

    def write(self, name, data, metadata=None):
        self.processed.write(name, data, "application/octet-stream", "no-cache", metadata)

    def done(self, job):
        thumb = Thumbnail("8", f"{job.id}/8.jpg", "image/jpeg", 8, 8, 9, "0" * 64)
        manifest = Manifest(job.id, job.name, job.generation, thumbnails=(thumb,))
        self.write(thumb.blob, b"thumbnail")
        self.write(f"{job.id}/manifest.json", manifest.to_json())

    def drop(self, job):
        self.write(f"{job.id}/original-dropped", b"")
        self.originals.delete(job.id)

    def sweep(self, policy):
        topics = (self.uploads, self.completed)
        return sweep(Sweeper(self.store, *topics, policy, RENDITIONS, now=lambda: self.time))


@pytest.fixture
def old():
    return Old()


def results(old, job):
    return sorted(name.removeprefix(f"{job.id}/") for name in old.processed.blobs)


def test_a_finished_job_stays_as_it_is(old):
    job = old.upload()
    old.done(job)
    before = dict(old.processed.blobs)
    for _ in range(3):
        old.later(days=20)
        assert old.sweep(Policy()) == Report(seen=1)
    assert old.processed.blobs == before
    assert old.store.status(job.id).state == "done"


@pytest.mark.parametrize("dropped", [True, False], ids=["dropped", "expired"])
def test_the_thumbnails_of_a_job_outlive_its_original(old, dropped):
    job = old.upload()
    old.done(job)
    old.drop(job) if dropped else old.originals.delete(job.id)
    before = dict(old.processed.blobs)
    old.later(days=40)
    assert old.sweep(DROPPING) == Report()
    assert old.processed.blobs == before
    assert old.store.status(job.id).state == "done"


def test_a_late_delivery_spares_what_the_note_protects(old):
    job = old.upload()
    old.done(job)
    old.drop(job)
    assert without_original(job, old.store) == old.store.results.manifest(job.id)


def test_an_original_is_dropped_as_one_of_today(old):
    job = old.upload()
    old.done(job)
    old.later(hours=2)
    assert old.sweep(DROPPING).dropped == 1
    assert not old.originals.blobs
    assert results(old, job) == ["8.jpg", "manifest.json"]
    assert without_original(job, old.store).thumbnails


def test_an_original_whose_note_was_written_last_is_dropped_too(old):
    job = old.upload()
    old.done(job)
    old.write(f"{job.id}/original-dropped", b"")
    old.later(hours=2)
    assert old.sweep(DROPPING).dropped == 1
    assert not old.originals.blobs


@pytest.mark.parametrize("dropped", [True, False], ids=["dropped", "kept"])
def test_all_of_it_is_deleted(old, dropped):
    job = old.upload()
    old.done(job)
    if dropped:
        old.drop(job)
    assert old.store.delete(job.id)
    assert not old.originals.blobs
    assert not left_in(old.processed)
    assert old.store.status(job.id) is None


def test_a_job_that_was_given_up_is_published_again(old):
    job = old.upload()
    manifest = Manifest.failed(job, GaveUp("It was refused 16 times."))
    old.write(f"{job.id}/manifest.json", manifest.to_json(), {"code": GaveUp.code})
    old.later(hours=1)
    assert old.sweep(Policy()).published == 1


def test_a_failure_that_nothing_can_mend_stays(old):
    job = old.upload()
    old.write(f"{job.id}/manifest.json", Manifest.failed(job, Corrupt("why")).to_json())
    old.later(days=2)
    assert old.sweep(Policy()) == Report(seen=1)


def test_thumbnails_without_manifest_and_original_are_removed(old):
    job = old.upload()
    old.write(f"{job.id}/8.jpg", b"thumbnail")
    old.originals.delete(job.id)
    old.later(hours=1)
    assert old.sweep(Policy()).removed == 1
    assert not old.processed.blobs


def test_a_count_is_continued(old):
    job = old.upload()
    old.write(f"{job.id}/sweeps.json", json.dumps({"count": 2, "name": job.name}).encode())
    old.later(days=2)
    assert old.sweep(Policy(attempts=3)).published == 1
    assert old.store.ledger.attempts(job.id).count == 3
    old.time += timedelta(days=2)
    assert old.sweep(Policy(attempts=3)).gave_up == 1
