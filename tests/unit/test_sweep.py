import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from quickthumb.buckets import Blob
from quickthumb.documents.job import Job
from quickthumb.documents.manifest import Manifest, Thumbnail, Tombstone
from quickthumb.documents.names import id_of, new_id
from quickthumb.documents.rendition import Rendition
from quickthumb.policy import Policy
from quickthumb.problems import Corrupt, GaveUp, InvalidMessage, InvalidOption, Unavailable
from quickthumb.store import Store
from quickthumb.sweep import sweep, sweep_on
from quickthumb.sweeping.entries import Entry
from quickthumb.sweeping.options import SweepOptions
from quickthumb.sweeping.report import Report
from quickthumb.sweeping.sweeper import Sweeper
from tests.doubles import MemoryBucket, MemoryCloud, left_in

POLICY = Policy(after_seconds=900, growth=4, attempts=3, per_second=100_000)
RENDITIONS = (Rendition.square(8),)


class Cellar(MemoryCloud):
    """What a sweep finds."""

    @property
    def store(self) -> Store:
        return Store(self.originals, self.processed)

    def upload(self, id: str | None = None) -> Job:
        return self.store.originals.keep(id or new_id(), b"data", "image/png", "a.png", RENDITIONS)

    def put(self, name: str) -> str:
        generation = self.originals.create(name, b"data", "image/png", {})
        return id_of("originals", name, generation)

    def end(self, job: Job) -> None:
        thumb = Thumbnail("8", f"{job.id}/8.jpg", "image/jpeg", 8, 8, 9, "0" * 64)
        manifest = Manifest(job.id, job.name, job.generation, thumbnails=(thumb,))
        self.store.results.put_thumbnails(manifest, [b"thumbnail"])
        assert self.store.results.put(manifest, self.store.results.read(job.id))

    def sweeper(self, policy=POLICY, **options) -> Sweeper:
        return Sweeper(
            self.store,
            self.uploads,
            self.completed,
            policy,
            RENDITIONS,
            now=lambda: self.time,
            **options,
        )

    def sweep(self, **options) -> Report:
        return sweep(self.sweeper(**options))

    def published(self) -> list[str]:
        return [Job.from_json(body).id for body, _ in self.uploads.messages]


@pytest.fixture
def cellar():
    return Cellar()


def test_a_job_that_was_lost_is_published_again_as_it_was(cellar):
    job = cellar.upload()
    cellar.later(minutes=16)
    report = cellar.sweep()
    assert (report.seen, report.published, report.next) == (1, 1, None)
    [(body, attributes)] = cellar.uploads.messages
    assert Job.from_json(body) == job
    assert attributes == {"schema": "1", "retry": "1"}


def test_a_job_that_may_still_be_at_work_is_left_alone(cellar):
    cellar.upload()
    cellar.later(minutes=14)
    assert cellar.sweep().waiting == 1
    assert not cellar.uploads.messages


def test_a_job_that_has_ended_is_left_alone(cellar):
    cellar.end(cellar.upload())
    cellar.later(days=1)
    before = dict(cellar.processed.blobs)
    assert cellar.sweep() == Report(seen=1)
    assert cellar.processed.blobs == before
    assert not cellar.uploads.messages


def test_a_second_sweep_soon_after_publishes_nothing(cellar):
    cellar.upload()
    cellar.later(minutes=16)
    cellar.sweep()
    cellar.later(minutes=16)
    assert cellar.sweep().waiting == 1
    assert len(cellar.uploads.messages) == 1


def test_the_pauses_between_attempts_grow(cellar):
    cellar.upload()
    times = []
    for minute in range(0, 7 * 24 * 60, 5):
        if cellar.sweep().published:
            times.append(minute)
        cellar.later(minutes=5)
    assert times == [15, 15 + 60, 15 + 60 + 240]


def test_a_job_that_is_lost_again_and_again_is_given_up_and_then_left_alone(cellar):
    job = cellar.upload()
    reports = []
    for _ in range(30):
        cellar.later(days=2)
        reports.append(cellar.sweep())
    assert sum(report.published for report in reports) == POLICY.attempts
    assert sum(report.gave_up for report in reports) == 1
    manifest = cellar.store.results.manifest(job.id)
    assert (manifest.failure.code, manifest.name) == ("gave-up", job.name)
    assert [attributes["state"] for _, attributes in cellar.completed.messages] == ["failed"]
    assert list(cellar.processed.blobs) == [f"{job.id}/manifest.json", f"{job.id}/given-up"]


def test_the_count_of_attempts_is_removed_when_the_job_ends(cellar):
    job = cellar.upload()
    cellar.later(hours=1)
    cellar.sweep()
    cellar.end(job)
    cellar.sweep()
    assert f"{job.id}/sweeps.json" not in cellar.processed.blobs
    assert cellar.store.results.manifest(job.id)


def test_while_pubsub_does_not_answer_no_attempt_is_counted(cellar):
    cellar.upload()
    cellar.uploads.broken = True
    for _ in range(10):
        cellar.later(days=2)
        with pytest.raises(Unavailable):
            cellar.sweep()
    assert not cellar.processed.blobs
    cellar.uploads.broken = False
    assert cellar.sweep().published == 1


def test_a_sweep_that_dies_before_it_publishes_has_counted(cellar):
    job = cellar.upload()
    cellar.later(hours=1)

    class Killed(BaseException):
        pass

    def die(*_, **__):
        raise Killed

    cellar.uploads.publish = die
    with pytest.raises(Killed):
        cellar.sweep()
    assert cellar.store.ledger.attempts(job.id).count == 1


def test_a_dry_run_tells_what_it_would_do_and_does_nothing(cellar):
    cellar.upload()
    cellar.store.results.put_thumbnail(f"{new_id()}/8.jpg", b"orphan", "image/jpeg")
    before = dict(cellar.processed.blobs)
    cellar.later(hours=1)
    report = cellar.sweep(dry_run=True)
    assert (report.published, report.removed) == (1, 1)
    assert cellar.processed.blobs == before
    assert not cellar.uploads.messages


def test_pictures_that_lay_in_the_bucket_before_are_done_too(cellar):
    names = ("b.jpg", "2019/a.png", "ü z", "0" * 32, "announce", "announced.png", "announcements/a")
    ids = {cellar.put(f"incoming/{name}") for name in names}
    cellar.put("incoming/2019/")  # a folder, to a console
    cellar.later(hours=1)
    assert cellar.sweep().published == len(names)
    jobs = [Job.from_json(body) for body, _ in cellar.uploads.messages]
    assert {job.id for job in jobs} == ids
    assert {job.renditions for job in jobs} == {RENDITIONS}
    for job in jobs:
        cellar.end(job)
    cellar.later(days=2)
    cellar.sweep()
    assert cellar.sweep() == Report(seen=len(names))
    assert len(cellar.uploads.messages) == len(names)


def test_a_backfill_need_not_wait(cellar):
    cellar.put("incoming/a.jpg")
    assert cellar.sweep(first_after_seconds=0).published == 1
    assert cellar.sweep(first_after_seconds=0).published == 0


def test_uploads_of_both_kinds_are_swept_in_one_walk(cellar):
    jobs = []
    for number, name in enumerate(sorted(new_id() for _ in range(40))):
        behind = number % 2
        cellar.originals.create("incoming/announced/" * behind + name, b"data", "image/png", {})
        if number % 3 == 0:
            blob = cellar.originals.stat("incoming/announced/" * behind + name)
            cellar.end(Job(name, "originals", blob.name, blob.generation, RENDITIONS))
        else:
            jobs.append(name)
    cellar.later(hours=1)
    assert cellar.sweep().published == len(jobs)
    assert sorted(cellar.published()) == jobs


def test_a_walk_in_pieces_sees_each_upload_once(cellar):
    for _ in range(30):
        cellar.upload()
    for number in range(10):
        cellar.put(f"incoming/{number}-{new_id()}.jpg")
        cellar.put(f"incoming/announced/{new_id()}")
    cellar.later(hours=1)
    start, seen, pieces = "", 0, 0
    while True:
        report = sweep(cellar.sweeper(), start, seconds=0)
        seen += report.seen
        pieces += 1
        if report.next is None:
            break
        start = report.next
    assert seen == 50
    assert pieces > 50
    assert len(set(cellar.published())) == len(cellar.uploads.messages) == 50


def test_a_sweep_goes_on_where_the_last_one_ended(cellar):
    for _ in range(20):
        cellar.upload(secrets.token_hex(16))
    cellar.later(hours=1)
    first = sweep_on(cellar.sweeper(), 0, 0)
    assert 0 < first.published < 20
    assert cellar.store.ledger.progress()["all"].next == first.next
    second = sweep_on(cellar.sweeper(), 60, 60)
    assert (first.published + second.published, second.next) == (20, None)
    assert cellar.store.ledger.progress()["all"].next is None


def test_results_without_manifest_whose_original_is_gone_are_removed(cellar):
    job = cellar.upload()
    cellar.store.results.put_thumbnail(f"{job.id}/8.jpg", b"half of a job", "image/jpeg")
    cellar.store.originals.delete(job.id)
    kept = cellar.upload()
    cellar.end(kept)
    cellar.later(minutes=14)
    assert cellar.sweep().removed == 0
    cellar.later(minutes=14)
    assert cellar.sweep().removed == 1
    assert {name.partition("/")[0] for name in cellar.processed.blobs} == {kept.id}


def test_finished_results_outlive_an_original_that_has_expired(cellar):
    job = cellar.upload()
    cellar.end(job)
    cellar.store.originals.delete(job.id)
    cellar.later(days=31)
    before = dict(cellar.processed.blobs)
    assert cellar.sweep() == Report()
    assert cellar.processed.blobs == before


def test_the_count_of_a_picture_that_is_not_named_by_its_id_is_no_orphan(cellar):
    id = cellar.put("incoming/cat.jpg")
    cellar.later(hours=1)
    cellar.sweep()
    cellar.later(minutes=30)
    assert cellar.sweep().removed == 0
    assert cellar.store.ledger.attempts(id).count == 1
    cellar.originals.delete("incoming/cat.jpg")
    assert cellar.sweep().removed == 1
    assert not cellar.processed.blobs


def test_the_count_of_a_picture_that_was_replaced_goes(cellar):
    first = cellar.put("incoming/cat.jpg")
    cellar.later(hours=1)
    cellar.sweep()
    cellar.originals.delete("incoming/cat.jpg")
    second = cellar.put("incoming/cat.jpg")
    assert cellar.store.ledger.attempts(first)
    cellar.later(hours=1)
    assert cellar.sweep().removed == 1
    assert cellar.store.ledger.attempts(first) is None
    assert cellar.store.ledger.attempts(second)


def test_a_job_whose_metadata_make_no_sense_ends_at_once(cellar):
    generation = cellar.originals.create("incoming/a", b"", "image/png", {"renditions": "nonsense"})
    cellar.later(hours=1)
    assert cellar.sweep().gave_up == 1
    manifest = cellar.store.results.manifest(id_of("originals", "incoming/a", generation))
    assert manifest.failure.code == "gave-up"


def test_a_walk_reads_page_by_page_and_keeps_none(cellar):
    ahead = 0

    class Endless(MemoryBucket):
        def walk(self, prefix="", start="", end="") -> Iterator:
            nonlocal ahead
            for number in range(1_000_000):
                ahead += 1
                name = (
                    f"{number:032x}" if self.name == "originals" else f"{number:032x}/manifest.json"
                )
                yield self.blob(name)

        def blob(self, name):
            return Blob(name, "image/png", 1, 1, self.now())

    cellar.originals = Endless("originals", now=lambda: cellar.time)
    cellar.processed = Endless("processed", now=lambda: cellar.time)
    walked = sweep(cellar.sweeper(), seconds=0)
    assert walked.seen == 1
    assert ahead < 10


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ({"dry_run": "maybe", "start": ""}, "true or false"),
        ({"seconds": "-1", "start": ""}, "whole seconds"),
        ({"seconds": "241", "start": ""}, "whole seconds, at most 240"),
        ({"seconds": "9" * 5000, "start": ""}, "whole seconds"),
        ({"seconds": "NaN", "start": ""}, "whole seconds"),
        ({"seconds": "inf", "start": ""}, "whole seconds"),
        ({"seconds": "1e2", "start": ""}, "whole seconds"),
        ({"seconds": "१२", "start": ""}, "whole seconds"),
        ({"start": "ü" * 513}, "at most 1024 bytes"),
        ({"older_than": "1h", "start": ""}, "whole seconds"),
        ({"everything": "1"}, "Unknown option"),
        ({"dry_run": "true"}, "where to begin"),
    ],
)
def test_a_call_that_asks_for_something_else_is_refused(query, complaint):
    with pytest.raises(InvalidOption, match=complaint):
        SweepOptions.read(query, 240)


def test_a_call_without_options_is_that_of_a_schedule():
    assert SweepOptions.read({}, 240).start is None
    assert SweepOptions.read({"start": "ab", "dry_run": "true"}, 240) == SweepOptions(
        "ab", 10, None, True
    )
    assert SweepOptions.read({"start": "", "seconds": "240"}, 240).seconds == 240
    assert SweepOptions.read({"start": ""}, 5).seconds == 5


DROPPING = replace(POLICY, drop_seconds=3600)


def test_the_original_of_a_job_that_is_done_goes_when_that_is_wanted(cellar):
    job = cellar.upload()
    cellar.end(job)
    cellar.later(minutes=59)
    assert cellar.sweep(policy=DROPPING).dropped == 0
    cellar.later(minutes=2)
    assert cellar.sweep(policy=DROPPING, dry_run=True).dropped == 1
    assert not cellar.store.results.manifest(job.id).dropped
    assert cellar.sweep(policy=DROPPING).dropped == 1
    assert not cellar.originals.blobs
    assert cellar.store.results.manifest(job.id).dropped
    assert cellar.store.results.manifest(job.id).state == "done"
    assert cellar.sweep(policy=DROPPING) == Report()


def test_the_picture_of_another_program_goes_too_but_not_what_replaced_it(cellar):
    name = "incoming/a.png"
    job = structs.replace(cellar.upload(cellar.put(name)), name=name, generation=1)
    cellar.originals.blobs.pop(job.id)
    cellar.end(job)
    cellar.later(hours=2)
    assert cellar.sweep(policy=DROPPING).dropped == 1
    assert name not in cellar.originals.blobs
    cellar.put(name)
    cellar.sweep(policy=DROPPING)
    assert name in cellar.originals.blobs


def test_the_original_of_a_failed_job_stays(cellar):
    job = cellar.upload()
    cellar.store.results.put(Manifest.failed(job, Corrupt("why")))
    cellar.later(days=1)
    assert cellar.sweep(policy=DROPPING) == Report(seen=1)
    assert cellar.originals.blobs


def test_an_upload_whose_original_was_dropped_can_be_deleted(cellar):
    job = cellar.upload()
    cellar.end(job)
    cellar.later(hours=2)
    cellar.sweep(policy=DROPPING)
    assert cellar.store.delete(job.id)
    assert not left_in(cellar.processed)


def give_up(cellar, job):
    """Have a job given up as `bury` does it."""
    cellar.store.results.put(Manifest.failed(job, GaveUp("It was refused 16 times.")))


def test_a_job_that_was_given_up_is_published_again_in_growing_pauses_and_then_left(cellar, caplog):
    job = cellar.upload()
    give_up(cellar, job)
    times = []
    for minute in range(0, 10 * 24 * 60, 5):
        if cellar.sweep().published:
            times.append(minute)
        cellar.later(minutes=5)
    assert times == [15, 15 + 60, 15 + 60 + 240]
    assert cellar.published() == [job.id] * POLICY.attempts
    assert cellar.store.results.manifest(job.id).failure.code == "gave-up"
    assert sorted(cellar.processed.blobs) == [f"{job.id}/given-up", f"{job.id}/manifest.json"]
    [told] = [record for record in caplog.records if "for good" in record.message]
    assert job.id in told.message
    assert not cellar.completed.messages  # its end was told when it was given up


def test_abandoned_jobs_cost_a_sweep_nothing(cellar):
    job = cellar.upload()
    give_up(cellar, job)
    cellar.store.ledger.leave_given_up(job.id)
    cellar.later(days=1)
    sweeper = cellar.sweeper()
    sweeper.store.ledger.attempts = sweeper.store.results.find = None  # a call would raise
    assert sweep(sweeper) == Report(seen=1)


def test_the_picture_of_another_program_is_tried_again_too(cellar):
    name = "incoming/cat.jpg"
    id = cellar.put(name)
    give_up(cellar, Job(id, "originals", name, 1, RENDITIONS))
    cellar.later(hours=1)
    assert cellar.sweep().published == 1
    cellar.later(days=9)
    for _ in range(10):
        cellar.later(days=9)
        cellar.sweep()
    assert cellar.published() == [id] * POLICY.attempts
    assert f"{id}/given-up" in cellar.processed.blobs


def test_attempts_at_a_job_that_was_lost_and_then_given_up_count_together(cellar):
    job = cellar.upload()
    cellar.later(days=2)
    assert cellar.sweep().published == 1
    give_up(cellar, job)
    for _ in range(10):
        cellar.later(days=2)
        cellar.sweep()
    assert len(cellar.uploads.messages) == POLICY.attempts


def test_a_job_that_was_given_up_and_is_done_after_all_is_left_alone(cellar):
    job = cellar.upload()
    give_up(cellar, job)
    cellar.later(hours=1)
    cellar.sweep()
    cellar.end(job)
    cellar.later(days=2)
    cellar.sweep()
    assert f"{job.id}/sweeps.json" not in cellar.processed.blobs
    assert cellar.sweep() == Report(seen=1)
    assert len(cellar.uploads.messages) == 1


def test_a_job_that_failed_by_its_own_fault_is_not_tried_again(cellar):
    job = cellar.upload()
    cellar.store.results.put(Manifest.failed(job, Corrupt("The picture ends early.")))
    cellar.later(days=2)
    assert cellar.sweep() == Report(seen=1)
    assert not cellar.uploads.messages


def test_a_dry_run_tells_of_jobs_that_were_given_up(cellar):
    give_up(cellar, cellar.upload())
    cellar.later(hours=1)
    assert cellar.sweep(dry_run=True).published == 1
    assert not cellar.uploads.messages


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"[" * 3000,
        b'{"count":-1,"name":"x"}',
        b'{"count":1e999,"name":"x"}',
        b'{"count":' + b"9" * 18 + b',"name":"x"}',
        b'{"count":true,"name":"x"}',
        b'{"count":1,"name":null}',
    ],
)
def test_an_unreadable_count_restarts_without_a_loop(cellar, body):
    job = cellar.upload()
    cellar.processed.write(f"{job.id}/sweeps.json", body, "application/json", "no-cache")
    for _ in range(30):
        cellar.later(days=9)
        cellar.sweep()
    assert cellar.published() == [job.id] * POLICY.attempts
    assert cellar.store.results.manifest(job.id).failure.code == "gave-up"


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"[" * 3000, b'{"walks":[]}', b'{"walks":{"all":{"next":null}}}'),
        b'{"walks":{"all":{"begun":-1,"next":"f"}}}',
        b'{"walks":{"new":{"begun":1e999,"next":null}}}',
        b'{"walks":{"all":{"begun":1,"next":"\\ud800"}}}',
        b'{"next":"ff"}',  # of an earlier version
    ],
)
def test_an_unreadable_position_restarts_the_sweep(cellar, body):
    cellar.upload()
    cellar.later(hours=1)
    cellar.processed.write("sweep/cursor.json", body, "application/json", "no-cache")
    assert sweep_on(cellar.sweeper(), 60, 60).published == 1


@pytest.mark.parametrize("name", ["incoming/a", "incoming/announced/" + "0" * 32, "f" * 32])
@pytest.mark.parametrize(
    "metadata",
    [
        {"renditions": "[" * 3000},
        {"renditions": '[{"name":"256","width":1e999,"height":256}]'},
        {"renditions": '[{"name":"256","width":' + "9" * 5000 + ',"height":256}]'},
        {"renditions": "null"},
        {"renditions": "[]"},
        {"renditions": ""},
        {"filename": "\ud800"},
    ],
)
def test_an_unreadable_original_does_not_affect_others(cellar, name, metadata):
    cellar.originals.create(name, b"data", "image/png", metadata)
    others = sorted(cellar.upload().id for _ in range(3))
    cellar.later(hours=1)
    report = cellar.sweep()
    assert (report.seen, report.published, report.gave_up) == (4, 3, 1)
    assert sorted(cellar.published()) == others
    cellar.later(days=30)
    cellar.sweep()
    assert sorted(set(cellar.published())) == others  # it is not tried again


def test_blobs_that_cannot_be_described_are_counted_and_passed_over(cellar, caplog):
    odd, job = cellar.upload(), cellar.upload()
    cellar.originals.odd.add(odd.id)
    cellar.later(hours=1)
    report = cellar.sweep()
    assert (report.published, report.unread) == (1, 1)
    assert cellar.published() == [job.id]
    assert odd.id in caplog.text


def test_a_result_that_cannot_be_described_is_made_again(cellar):
    job = cellar.upload()
    cellar.end(job)
    cellar.processed.odd.add(f"{job.id}/manifest.json")
    cellar.later(hours=1)
    report = cellar.sweep()
    assert (report.published, report.unread) == (1, 1)


def test_blobs_that_keep_a_bucket_from_being_listed_are_passed_over(cellar):
    jobs = sorted(cellar.upload().id for _ in range(5))
    cellar.originals.damaged.add(jobs[2])
    cellar.processed.damaged.add(f"{jobs[3]}/8.jpg")
    cellar.later(hours=1)
    report = sweep_on(cellar.sweeper(), 60, 60)
    assert sorted(cellar.published()) == [*jobs[:2], *jobs[3:]]
    assert (report.published, report.unread, report.next) == (4, 2, None)


@pytest.mark.parametrize("error", [Unavailable("403"), InvalidMessage("odd"), KeyError("count")])
def test_a_job_that_fails_does_not_affect_others(cellar, caplog, error):
    jobs = sorted(cellar.upload().id for _ in range(20))
    cellar.later(hours=1)
    sweeper = cellar.sweeper()
    put_attempts = sweeper.store.ledger.put_attempts

    def fail(id, attempts):
        if id == jobs[7]:
            raise error
        put_attempts(id, attempts)

    sweeper.store.ledger.put_attempts = fail
    report = sweep(sweeper)
    assert (report.published, report.unread) == (19, 1)
    assert f"skipped '{jobs[7]}'" in caplog.text


def test_while_storage_does_not_answer_nothing_is_passed_over(cellar):
    cellar.upload()
    cellar.later(hours=1)
    sweeper = cellar.sweeper()

    def goes(*_):
        cellar.processed.broken = True
        raise Unavailable("it does not answer")

    sweeper.store.ledger.put_attempts = goes
    with pytest.raises(Unavailable):
        sweep(sweeper)


def test_what_is_published_names_the_bucket_of_this_service(cellar):
    cellar.upload()
    cellar.put("incoming/a.png")
    cellar.later(hours=1)
    cellar.sweep()
    assert {Job.from_json(body).bucket for body, _ in cellar.uploads.messages} == {"originals"}


@given(
    st.builds(Policy, st.integers(1, 999_999_999), st.integers(1, 100), st.integers(1, 10**12)),
    st.integers(0, 10**12),
)
def test_any_pause_can_be_waited_for(policy, count):
    assert policy.pause(0) <= policy.pause(count) <= policy.pause(count + 1)
    assert datetime(2026, 1, 1, tzinfo=UTC) - policy.pause(count)


def test_a_deletion_that_was_interrupted_is_completed_and_its_tombstone_goes_after_a_day(cellar):
    job = cellar.upload()
    cellar.end(job)
    tombstone = Tombstone(job.id, job.name, job.generation)
    assert cellar.store.results.put(tombstone, cellar.store.results.read(job.id))
    assert cellar.sweep(dry_run=True).removed == 1
    assert cellar.originals.blobs
    assert cellar.sweep().removed == 1
    assert not cellar.originals.blobs
    assert list(cellar.processed.blobs) == [f"{job.id}/manifest.json"]
    cellar.later(hours=23)
    assert cellar.sweep() == Report()
    assert cellar.store.results.read(job.id)
    cellar.later(hours=2)
    assert cellar.sweep(dry_run=True) == Report()
    assert cellar.sweep() == Report()
    assert not cellar.processed.blobs


def test_the_tombstone_of_a_large_upload_outlives_its_session(cellar):
    id = new_id()
    cellar.put(f"incoming/announced/{id}")
    assert cellar.store.delete(id)
    cellar.later(days=7)
    cellar.sweep()
    assert cellar.store.is_deleted(id)
    cellar.later(days=2)
    cellar.sweep()
    assert not cellar.processed.blobs


def test_an_original_found_behind_an_old_tombstone_makes_it_young_again(cellar):
    job = cellar.upload()
    cellar.store.results.put(Tombstone(job.id, job.name, job.generation))
    cellar.later(hours=25)
    assert cellar.sweep().removed == 1
    cellar.later(hours=23)
    cellar.sweep()
    assert cellar.store.is_deleted(job.id)
    cellar.later(hours=2)
    cellar.sweep()
    assert not cellar.processed.blobs


def test_an_original_stored_again_after_the_deletion_is_deleted_at_once(cellar):
    job = cellar.upload()
    cellar.store.delete(job.id)
    cellar.upload(job.id)
    assert cellar.sweep().removed == 1
    assert not cellar.originals.blobs
    assert not cellar.uploads.messages


def test_of_a_picture_of_another_program_only_the_deleted_generation_goes(cellar):
    name = "incoming/a.png"
    id = cellar.put(name)
    cellar.store.results.put(Tombstone(id, name, 1))
    assert cellar.sweep().removed == 1
    assert not cellar.originals.blobs
    other = cellar.put(name)
    cellar.later(days=2)
    cellar.sweep()
    assert name in cellar.originals.blobs
    assert cellar.published() == [other]
    cellar.sweep()
    assert {key.partition("/")[0] for key in cellar.processed.blobs} == {other}


def partial(cellar, job):
    """Write a thumbnail as a `resize` that died before the manifest."""
    thumb = Thumbnail("8", f"{job.id}/8.jpg", "image/jpeg", 8, 8, 9, "0" * 64)
    manifest = Manifest(job.id, job.name, job.generation, thumbnails=(thumb,))
    cellar.store.results.put_thumbnails(manifest, [b"thumbnail"])


def test_thumbnails_of_a_picture_of_another_program_that_lives_are_spared(cellar):
    name = "incoming/a.png"
    job = structs.replace(cellar.upload(), id=cellar.put(name), name=name, generation=2)
    partial(cellar, job)
    cellar.later(minutes=20)
    assert cellar.sweep().removed == 0
    assert f"{job.id}/8.jpg" in cellar.processed.blobs


def test_thumbnails_of_a_picture_that_was_replaced_go_behind_a_tombstone(cellar):
    name = "incoming/a.png"
    job = Job(cellar.put(name), "originals", name, 1, RENDITIONS)
    partial(cellar, job)
    cellar.originals.delete(name)
    cellar.put(name)
    cellar.later(minutes=20)
    assert cellar.sweep().removed == 1
    assert cellar.store.is_deleted(job.id)
    assert not cellar.store.results.put(Manifest(job.id, name, 1))  # by a `resize` that was slow
    cellar.later(days=2)
    cellar.sweep()
    assert not [key for key in cellar.processed.blobs if key.startswith(job.id)]


def test_thumbnails_that_no_manifest_names_go_after_a_day(cellar):
    job = cellar.upload()
    cellar.end(job)
    cellar.store.results.put_thumbnail(f"{job.id}/9.jpg", b"of other settings", "image/jpeg")
    cellar.later(hours=23)
    assert cellar.sweep() == Report(seen=1)
    cellar.later(hours=2)
    assert cellar.sweep(dry_run=True).removed == 1
    assert cellar.sweep().removed == 1
    assert sorted(cellar.processed.blobs) == [f"{job.id}/8.jpg", f"{job.id}/manifest.json"]
    assert cellar.sweep() == Report(seen=1)


def test_thumbnails_of_a_job_that_may_be_retried_are_spared_until_it_is_given_up_for_good(cellar):
    job = cellar.upload()
    partial(cellar, job)
    give_up(cellar, job)
    for _ in range(POLICY.attempts):
        cellar.later(days=2)
        cellar.sweep()
        assert f"{job.id}/8.jpg" in cellar.processed.blobs
    cellar.later(days=30)
    cellar.sweep()  # gives it up for good
    cellar.later(days=2)
    cellar.sweep()
    assert sorted(cellar.processed.blobs) == [f"{job.id}/given-up", f"{job.id}/manifest.json"]


def test_the_count_of_a_job_that_is_done_goes_even_without_its_original(cellar):
    job = cellar.upload()
    cellar.later(hours=1)
    cellar.sweep()
    cellar.end(job)
    cellar.originals.delete(job.id)  # by the bucket, after 30 days
    cellar.sweep()
    assert f"{job.id}/sweeps.json" not in cellar.processed.blobs
    assert cellar.store.results.manifest(job.id)


def test_an_original_that_was_to_be_dropped_is_dropped_by_the_next_sweep(cellar):
    job = cellar.upload()
    cellar.end(job)
    kept = cellar.store.results.read(job.id)
    cellar.store.results.put(kept.end.as_dropped(), kept)
    assert cellar.sweep().dropped == 0  # too young for any work
    cellar.later(minutes=20)
    assert cellar.sweep().dropped == 1
    assert not cellar.originals.blobs


def test_an_original_is_not_dropped_if_its_upload_is_deleted_meanwhile(cellar):
    job = cellar.upload()
    cellar.end(job)
    kept = cellar.store.results.read(job.id)
    cellar.store.delete(job.id)
    assert not cellar.store.drop_original(job, kept)
    assert cellar.store.is_deleted(job.id)


def test_a_young_tombstone_stays_if_somebody_else_has_completed_the_deletion(cellar):
    job = cellar.upload()
    partial(cellar, job)
    cellar.store.results.put(Tombstone(job.id, job.name, job.generation))
    found = cellar.store.results.list(job.id)
    assert found.others == 1
    cellar.store.delete(job.id)
    assert cellar.sweeper().process(Entry(job.id, None, found)) == "ended"
    assert cellar.store.is_deleted(job.id)
