from collections.abc import Iterator
from dataclasses import replace

import pytest

from quickthumb.errors import GaveUp, InvalidOption, Unavailable
from quickthumb.jobs import Job, Manifest, Rendition, id_of, new_id
from quickthumb.policy import Policy
from quickthumb.store import Store
from quickthumb.sweep import Asked, Report, Sweep, sweep_on
from tests.doubles import MemoryBucket, MemoryCloud

POLICY = Policy(after_seconds=900, growth=4, attempts=3, per_second=100_000)
RENDITIONS = (Rendition.square(8),)


class Cellar(MemoryCloud):
    """What a sweep finds."""

    @property
    def store(self) -> Store:
        return Store(self.originals, self.processed)

    def upload(self, id: str | None = None) -> Job:
        return self.store.keep_original(id or new_id(), b"data", "image/png", "a.png", RENDITIONS)

    def put(self, name: str) -> str:
        generation = self.originals.create(name, b"data", "image/png", {})
        return id_of("originals", name, generation)

    def end(self, job: Job) -> None:
        self.store.put_thumbnail(f"{job.id}/8.jpg", b"thumbnail", "image/jpeg")
        self.store.put_manifest(Manifest(job.id, job.name, job.generation))

    def sweeper(self, policy=POLICY, **options) -> Sweep:
        return Sweep(
            self.store,
            self.uploads,
            self.completed,
            policy,
            RENDITIONS,
            now=lambda: self.time,
            **options,
        )

    def sweep(self, **options) -> Report:
        return self.sweeper(**options).run()

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
    assert attributes == {"schema": "1"}


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
    manifest = cellar.store.manifest(job.id)
    assert (manifest.failure.code, manifest.name) == ("gave-up", job.name)
    assert [attributes["state"] for _, attributes in cellar.completed.messages] == ["failed"]
    assert list(cellar.processed.blobs) == [f"{job.id}/manifest.json", f"{job.id}/given-up"]


def test_when_a_published_job_ends_its_count_is_forgotten(cellar):
    job = cellar.upload()
    cellar.later(hours=1)
    cellar.sweep()
    cellar.end(job)
    cellar.sweep()
    assert f"{job.id}/sweeps.json" not in cellar.processed.blobs
    assert cellar.store.manifest(job.id)


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
    assert cellar.store.sweeps(job.id).count == 1


def test_a_dry_run_tells_what_it_would_do_and_does_nothing(cellar):
    cellar.upload()
    cellar.store.put_thumbnail(f"{new_id()}/8.jpg", b"orphan", "image/jpeg")
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
        report = cellar.sweeper().run(start, seconds=0)
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
        cellar.upload()
    cellar.later(hours=1)
    first = sweep_on(cellar.sweeper(), seconds=0)
    assert 0 < first.published < 20
    assert cellar.store.cursor() == first.next
    second = sweep_on(cellar.sweeper(), seconds=60)
    assert (first.published + second.published, second.next) == (20, None)
    assert cellar.store.cursor() == ""


def test_results_without_manifest_whose_original_is_gone_are_removed(cellar):
    job = cellar.upload()
    cellar.store.put_thumbnail(f"{job.id}/8.jpg", b"half of a job", "image/jpeg")
    cellar.store.drop_original(job.id)
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
    cellar.store.drop_original(job.id)
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
    assert cellar.store.sweeps(id).count == 1
    cellar.originals.delete("incoming/cat.jpg")
    assert cellar.sweep().removed == 1
    assert not cellar.processed.blobs


def test_a_job_whose_metadata_make_no_sense_ends_at_once(cellar):
    generation = cellar.originals.create("incoming/a", b"", "image/png", {"renditions": "nonsense"})
    cellar.later(hours=1)
    assert cellar.sweep().gave_up == 1
    manifest = cellar.store.manifest(id_of("originals", "incoming/a", generation))
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
            from quickthumb.storage import Blob

            return Blob(name, "image/png", 1, 1, self.now())

    cellar.originals = Endless("originals", now=lambda: cellar.time)
    cellar.processed = Endless("processed", now=lambda: cellar.time)
    walked = cellar.sweeper().run(seconds=0)
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
        ({"everything": "1"}, "no option"),
        ({"dry_run": "true"}, "where to begin"),
    ],
)
def test_a_call_that_asks_for_something_else_is_refused(query, complaint):
    with pytest.raises(InvalidOption, match=complaint):
        Asked.read(query, 240)


def test_a_call_without_options_is_that_of_a_schedule():
    assert Asked.read({}, 240).start is None
    assert Asked.read({"start": "ab", "dry_run": "true"}, 240) == Asked("ab", 10, None, True)
    assert Asked.read({"start": "", "seconds": "240"}, 240).seconds == 240
    assert Asked.read({"start": ""}, 5).seconds == 5


DROPPING = replace(POLICY, drop_seconds=3600)


def test_the_original_of_a_job_that_is_done_goes_when_that_is_wanted(cellar):
    job = cellar.upload()
    cellar.end(job)
    cellar.later(minutes=59)
    assert cellar.sweep(policy=DROPPING).dropped == 0
    cellar.later(minutes=2)
    assert cellar.sweep(policy=DROPPING, dry_run=True).dropped == 1
    assert not cellar.store.was_dropped(job.id)
    assert cellar.sweep(policy=DROPPING).dropped == 1
    assert not cellar.originals.blobs
    assert cellar.store.manifest(job.id).state == "done"
    assert cellar.sweep(policy=DROPPING) == Report()


def test_the_picture_of_another_program_goes_too_but_not_what_replaced_it(cellar):
    name = "incoming/a.png"
    job = replace(cellar.upload(cellar.put(name)), name=name, generation=1)
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
    cellar.store.put_manifest(Manifest.failed(job, GaveUp("why")))
    cellar.later(days=1)
    assert cellar.sweep(policy=DROPPING) == Report(seen=1)
    assert cellar.originals.blobs


def test_an_upload_whose_original_was_dropped_can_be_deleted(cellar):
    job = cellar.upload()
    cellar.end(job)
    cellar.later(hours=2)
    cellar.sweep(policy=DROPPING)
    assert cellar.store.delete(job.id)
    assert not cellar.processed.blobs
