import json
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from quickthumb.documents.job import Job
from quickthumb.documents.manifest import Manifest
from quickthumb.documents.names import id_of, new_id
from quickthumb.documents.rendition import Rendition
from quickthumb.ending import give_up
from quickthumb.messaging import Message
from quickthumb.problems import GaveUp, InvalidMessage, Unavailable
from quickthumb.resize import resize
from quickthumb.store import Store
from tests.doubles import MemoryBucket, MemoryKitchen, MemoryTopic, left_in
from tests.pictures import picture, sideways, size_of
from tests.settings import settings_with

SETTINGS = settings_with(
    sizes=(24,),
    max_original_bytes=50_000,
)
RENDITIONS = (Rendition.square(32), Rendition.square(16))


def arrival(name, generation, bucket="originals"):
    """Return the attributes of a notification of Cloud Storage."""
    return {
        "notificationConfig": "projects/_/buckets/originals/notificationConfigs/1",
        "eventType": "OBJECT_FINALIZE",
        "payloadFormat": "JSON_API_V1",
        "bucketId": bucket,
        "objectId": name,
        "objectGeneration": str(generation),
    }


@dataclass
class Cloud:
    """What `resize` works with, in memory."""

    originals: MemoryBucket = field(default_factory=lambda: MemoryBucket("originals"))
    processed: MemoryBucket = field(default_factory=MemoryBucket)
    completed: MemoryTopic = field(default_factory=MemoryTopic)

    @property
    def store(self) -> Store:
        return Store(self.originals, self.processed)

    def upload(self, data: bytes) -> Job:
        return self.store.originals.keep(new_id(), data, "image/jpeg", "a.jpg", RENDITIONS)

    def do(self, job: Job, attempt: int | None = 1) -> None:
        self.take(Message(job.to_json(), {}, "1", attempt))

    def take(self, message: Message) -> None:
        resize(message, self.store, self.completed, SETTINGS, MemoryKitchen())

    def put(self, name: str, data: bytes, metadata: dict[str, str] | None = None) -> Message:
        """Write a blob as other programs do; return what Cloud Storage tells of it."""
        self.originals.delete(name)
        generation = self.originals.create(name, data, "image/jpeg", metadata or {})
        return Message(b"", arrival(name, generation), "2", 1)

    def contents(self) -> dict[str, bytes]:
        return {name: data for name, (_, data) in self.processed.blobs.items()}

    def events(self) -> list[tuple[str, str]]:
        return [(a["id"], a["state"]) for _, a in self.completed.messages]


@pytest.fixture
def cloud():
    return Cloud()


def test_a_job_ends_with_its_thumbnails_a_manifest_and_an_event(cloud):
    job = cloud.upload(picture(64, 48))
    cloud.do(job)
    manifest = cloud.store.results.manifest(job.id)
    assert [(t.name, t.width, t.height) for t in manifest.thumbnails] == [
        ("32", 32, 24),
        ("16", 16, 12),
    ]
    for thumb in manifest.thumbnails:
        data = cloud.store.results.thumbnail(thumb.blob)
        assert size_of(data) == (thumb.width, thumb.height)
        assert len(data) == thumb.bytes
    assert cloud.events() == [(job.id, "done")]
    assert json.loads(cloud.completed.messages[0][0])["state"] == "done"


def test_a_sideways_picture_is_turned(cloud):
    job = cloud.upload(sideways(64, 48))
    cloud.do(job)
    manifest = cloud.store.results.manifest(job.id)
    assert (manifest.original.width, manifest.original.height) == (48, 64)
    assert (manifest.thumbnails[0].width, manifest.thumbnails[0].height) == (24, 32)


def test_a_second_delivery_changes_nothing_and_tells_again(cloud):
    job = cloud.upload(picture())
    cloud.do(job)
    before = dict(cloud.processed.blobs)
    cloud.do(job, attempt=2)
    cloud.do(job, attempt=None)  # not counted
    assert cloud.processed.blobs == before
    assert cloud.events() == [(job.id, "done")] * 3


def test_a_job_that_is_published_twice_writes_the_same_thumbnails_and_tells_again(cloud):
    job = cloud.upload(picture())
    cloud.do(job)
    before = cloud.contents()
    manifest = cloud.processed.stat(f"{job.id}/manifest.json")
    cloud.do(job)
    assert cloud.contents() == before
    assert cloud.processed.stat(f"{job.id}/manifest.json") == manifest
    assert cloud.events() == [(job.id, "done")] * 2


def test_a_job_that_a_sweep_published_again_is_not_repeated_if_it_has_ended(cloud):
    job = cloud.upload(picture())
    cloud.do(job)
    cloud.processed.write = cloud.originals.read = None  # a call would raise
    cloud.take(Message(job.to_json(), {"retry": "1"}, "2", attempt=1))
    assert cloud.events() == [(job.id, "done")] * 2


def test_an_invalid_picture_fails_permanently(cloud):
    job = cloud.upload(b"GIF89a no picture")
    cloud.do(job)
    failure = cloud.store.results.manifest(job.id).failure
    assert failure.code in ("corrupt", "not-a-picture")
    assert failure.detail.endswith(".")
    assert cloud.events() == [(job.id, "failed")]


def test_a_deleted_original_leaves_nothing(cloud):
    job = cloud.upload(picture())
    cloud.store.delete(job.id)
    cloud.do(job)
    assert not left_in(cloud.processed)
    assert cloud.store.status(job.id) is None
    assert not cloud.events()


def test_an_original_deleted_while_it_is_resized_leaves_nothing(cloud):
    job = cloud.upload(picture())

    class DeletedAtTheEnd(MemoryBucket):
        def write(self, name, data, *arguments, **options):
            if b'"state":"done"' in data and cloud.store.status(job.id) is not None:
                cloud.store.delete(job.id)
            return super().write(name, data, *arguments, **options)

    cloud.processed = DeletedAtTheEnd()
    cloud.do(job)
    assert not left_in(cloud.processed)
    assert not cloud.originals.blobs
    assert not cloud.events()


def test_an_upload_deleted_right_after_its_end_leaves_nothing(cloud):
    job = cloud.upload(picture())

    class DeletedAfterTheEnd(MemoryBucket):
        def write(self, name, data, *arguments, **options):
            written = super().write(name, data, *arguments, **options)
            if b'"state":"done"' in data:
                cloud.store.delete(job.id)
            return written

    cloud.processed = DeletedAfterTheEnd()
    cloud.do(job)
    assert not left_in(cloud.processed)
    assert not cloud.originals.blobs
    assert cloud.store.status(job.id) is None


def test_the_status_of_an_upload_deleted_before_its_end_does_not_come_back(cloud):
    job = cloud.upload(picture())
    written = []

    class DeletedInBetween(MemoryBucket):
        def write(self, name, data, *arguments, **options):
            made = super().write(name, data, *arguments, **options)
            if made and b'"state":"deleted"' not in data:
                written.append(name)
                cloud.store.delete(job.id)
            return made

    cloud.processed = DeletedInBetween()
    cloud.do(job)
    assert written
    assert f"{job.id}/manifest.json" not in written
    assert not left_in(cloud.processed)
    assert not cloud.events()


@pytest.mark.parametrize("part", ["originals", "processed", "completed"])
def test_a_job_is_redelivered_during_an_outage(cloud, part):
    job = cloud.upload(picture())
    getattr(cloud, part).broken = True
    with pytest.raises(Unavailable):
        cloud.do(job)
    getattr(cloud, part).broken = False
    cloud.do(job)
    assert cloud.store.results.manifest(job.id).state == "done"
    assert cloud.events() == [(job.id, "done")]


def test_thumbnails_come_before_the_manifest(cloud):
    job = cloud.upload(picture())
    cloud.do(job)
    assert list(cloud.processed.blobs)[-1] == f"{job.id}/manifest.json"


def test_a_message_of_another_version_is_not_dropped(cloud):
    with pytest.raises(InvalidMessage):
        cloud.take(Message(b'{"v":2}', {}, "1", 1))


def test_a_picture_that_another_program_put_there_gets_the_default_thumbnails(cloud):
    message = cloud.put("incoming/holiday/cat.jpg", picture(64, 48))
    cloud.take(message)
    generation = int(message.attributes["objectGeneration"])
    id = id_of("originals", "incoming/holiday/cat.jpg", generation)
    manifest = cloud.store.results.manifest(id)
    assert manifest.name == "incoming/holiday/cat.jpg"
    assert [(t.name, t.width, t.height) for t in manifest.thumbnails] == [("24", 24, 18)]
    assert cloud.events() == [(id, "done")]


def test_an_upload_that_went_to_the_bucket_itself_gets_the_thumbnails_it_asked_for(cloud):
    id = new_id()
    metadata = {"renditions": json.dumps([rendition.to_dict() for rendition in RENDITIONS])}
    cloud.take(cloud.put(f"incoming/announced/{id}", picture(64, 48), metadata))
    assert [thumb.name for thumb in cloud.store.results.manifest(id).thumbnails] == ["32", "16"]


def test_a_blob_that_is_told_of_twice_is_done_once(cloud):
    message = cloud.put("incoming/cat.jpg", picture())
    cloud.take(message)
    before = dict(cloud.processed.blobs)
    cloud.take(replace(message, attempt=2))
    assert cloud.processed.blobs == before
    contents = cloud.contents()
    cloud.take(message)
    assert cloud.contents() == contents


def test_a_blob_that_a_job_and_a_notification_tell_of_is_done_once(cloud):
    id = new_id()
    message = cloud.put(f"incoming/announced/{id}", picture())
    cloud.take(message)
    before = cloud.contents()
    blob = cloud.originals.stat(f"incoming/announced/{id}")
    cloud.do(cloud.store.originals.job_of(blob, SETTINGS.menu.standard))
    assert cloud.contents() == before


def test_a_blob_that_was_written_again_is_another_upload(cloud):
    first = cloud.put("incoming/cat.jpg", picture(64, 48))
    cloud.take(first)
    second = cloud.put("incoming/cat.jpg", picture(48, 64))
    cloud.take(second)
    cloud.take(first)  # late, once more: what it tells of is no longer there
    ids = [id for id, _ in cloud.events()]
    assert len(set(ids)) == 2
    tall = cloud.store.results.manifest(ids[1])
    assert (tall.thumbnails[0].width, tall.thumbnails[0].height) == (18, 24)


def test_a_name_that_looks_like_an_id_gives_no_id_that_others_can_guess(cloud):
    name = f"incoming/{new_id()}"  # an MD5, or a UUID without its hyphens
    cloud.take(cloud.put(name, picture(64, 48)))
    cloud.take(cloud.put(name, picture(48, 64)))
    ids = [id for id, _ in cloud.events()]
    assert len({name.removeprefix("incoming/"), *ids}) == 3
    assert cloud.store.results.manifest(ids[0]) != cloud.store.results.manifest(ids[1])


def test_a_folder_placeholder_is_skipped(cloud):
    cloud.take(cloud.put("incoming/holiday/", b""))
    assert not cloud.events()
    assert not cloud.processed.blobs


def test_an_invalid_file_of_another_program_fails(cloud):
    cloud.take(cloud.put("incoming/notes.txt", b"hello"))
    [(id, state)] = cloud.events()
    assert state == "failed"
    assert cloud.store.results.manifest(id).failure.code == "not-a-picture"


def test_a_blob_above_the_limit_fails_without_being_fetched(cloud):
    fetched = []

    class Watched(MemoryBucket):
        def read(self, name, generation=None):
            fetched.append(name)
            return super().read(name, generation)

    cloud.originals = Watched("originals")
    cloud.take(cloud.put("incoming/huge.tif", bytes(50_001)))
    [(id, _)] = cloud.events()
    failure = cloud.store.results.manifest(id).failure
    assert failure.code == "too-many-bytes"
    assert "50,001 bytes: at most 50,000" in failure.detail
    assert not fetched


def test_a_notification_of_another_bucket_is_not_dropped(cloud):
    told = "the job is about bucket 'other', but originals are in 'originals'"
    with pytest.raises(InvalidMessage, match=told):
        cloud.take(Message(b"", arrival("incoming/cat.jpg", 1, "other"), "1", 1))


@pytest.mark.parametrize("name", ["incoming/cat.jpg", "0" * 32])
def test_a_forged_job_of_another_bucket_writes_nothing(cloud, name):
    generation = cloud.originals.create(name, picture(), "image/jpeg", {})
    id = id_of("evil", name, generation)  # as whoever forges it knows it
    job = Job(id, "evil", name, generation, (Rendition.square(8),))
    with pytest.raises(InvalidMessage, match="the job is about bucket 'evil'"):
        cloud.take(Message(job.to_json(), {"schema": "1"}, "1", 1))
    assert not cloud.processed.blobs
    assert not cloud.events()


def test_the_picture_of_another_program_is_deleted_with_its_thumbnails(cloud):
    cloud.take(cloud.put("incoming/cat.jpg", picture()))
    [(id, _)] = cloud.events()
    assert cloud.store.delete(id)
    assert not cloud.originals.blobs
    assert not left_in(cloud.processed)
    assert not cloud.store.delete(id)


def test_deleting_that_is_interrupted_can_be_done_again(cloud, monkeypatch):
    job = cloud.upload(picture())
    cloud.do(job)
    delete, left = cloud.processed.delete, len(cloud.processed.blobs) - 2  # all but the manifest

    def breaks_before_the_last(name, generation=None):
        nonlocal left
        if not left:
            raise Unavailable("Cloud Storage does not answer")
        left -= 1
        return delete(name, generation)

    with monkeypatch.context() as patched:
        patched.setattr(cloud.processed, "delete", breaks_before_the_last)
        with pytest.raises(Unavailable):
            cloud.store.delete(job.id)
    assert cloud.store.results.read(job.id)  # so that the id is known still
    assert cloud.store.delete(job.id)
    assert not left_in(cloud.processed)


def test_deleting_spares_what_was_written_in_place_of_the_original_since(cloud):
    cloud.take(cloud.put("incoming/cat.jpg", picture()))
    [(id, _)] = cloud.events()
    cloud.put("incoming/cat.jpg", picture(9, 9))
    assert cloud.store.delete(id)
    assert cloud.originals.stat("incoming/cat.jpg")
    assert not left_in(cloud.processed)


def test_an_upload_that_went_to_the_bucket_itself_is_queued_until_it_is_done(cloud):
    id = new_id()
    assert cloud.store.status(id) is None
    metadata = {"renditions": json.dumps([rendition.to_dict() for rendition in RENDITIONS])}
    cloud.put(f"incoming/announced/{id}", picture(), metadata)
    assert cloud.store.status(id).renditions == RENDITIONS
    assert cloud.store.delete(id)
    assert not cloud.originals.blobs


def test_what_a_job_took_is_counted_in_the_log(cloud, caplog):
    caplog.set_level("INFO", logger="quickthumb")
    published = datetime.now(UTC) - timedelta(seconds=5)
    good, bad = cloud.upload(picture(64, 48)), cloud.upload(b"no picture")
    for job in (good, bad):
        cloud.take(Message(job.to_json(), {}, "1", 1, published))
    done, failed = [record.fields for record in caplog.records if hasattr(record, "fields")]
    assert (done["event"], done["code"]) == ("done", None)
    assert (failed["event"], failed["code"]) == ("failed", "not-a-picture")
    assert done["queue_seconds"] >= 5
    assert done["work_seconds"] >= 0
    assert done["bytes_in"] == len(picture(64, 48))
    thumbnails = cloud.store.results.manifest(good.id).thumbnails
    assert done["bytes_out"] == sum(thumb.bytes for thumb in thumbnails)


def test_a_delivery_that_comes_after_the_deletion_cleans_up_what_a_dead_one_left(cloud):
    job = cloud.upload(picture())
    cloud.originals.delete(job.id)
    cloud.store.results.put_thumbnail(f"{job.id}/32.jpg", b"of one that was cut off", "image/jpeg")
    cloud.do(job)
    assert not left_in(cloud.processed)


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_redelivery_finds_that_the_original_of_a_finished_job_was_deleted(cloud, attempt):
    job = cloud.upload(picture())
    cloud.do(job)
    cloud.completed.messages.clear()
    cloud.originals.delete(job.id)
    cloud.do(job, attempt)
    assert not left_in(cloud.processed)
    assert not cloud.events()


def test_a_job_that_was_given_up_is_done_when_it_is_delivered_once_more(cloud):
    job = cloud.upload(picture())
    give_up(job, GaveUp("It could not be done."), cloud.store, cloud.completed)
    cloud.do(job)
    assert cloud.store.results.manifest(job.id).state == "done"
    assert cloud.events() == [(job.id, "failed"), (job.id, "done")]


def test_a_notification_that_comes_after_the_deletion_cleans_up_too(cloud):
    message = cloud.put("incoming/cat.jpg", picture())
    cloud.take(message)
    cloud.originals.delete("incoming/cat.jpg")
    cloud.take(message)
    assert not left_in(cloud.processed)
    assert len(cloud.events()) == 1


@pytest.mark.parametrize("noted", [True, False])
def test_a_late_delivery_spares_the_thumbnails_of_an_original_that_was_dropped(cloud, noted):
    job = cloud.upload(picture(64, 48))
    cloud.do(job)
    if noted:  # as earlier versions did
        cloud.processed.create(f"{job.id}/original-dropped", b"", "text/plain", {})
        cloud.originals.delete(job.id)
    else:
        assert cloud.store.drop_original(job, cloud.store.results.read(job.id))
    assert not cloud.originals.blobs
    results = dict(cloud.processed.blobs)
    cloud.do(job)
    give_up(job, GaveUp("late dead letter"), cloud.store, cloud.completed)
    assert cloud.processed.blobs == results
    assert cloud.store.results.manifest(job.id).state == "done"
    assert len(cloud.completed.messages) == 3


def test_the_thumbnails_of_a_job_are_written_together(cloud):
    renditions = tuple(map(Rendition.square, (8, 12, 16, 24)))
    meeting = threading.Barrier(len(renditions), timeout=10)

    class Together(MemoryBucket):
        def write(self, name, *arguments, **options):
            if not name.endswith("manifest.json"):
                meeting.wait()  # until all are at work
            return super().write(name, *arguments, **options)

    cloud.processed = Together()
    job = cloud.store.originals.keep(new_id(), picture(), "image/jpeg", "a.jpg", renditions)
    cloud.do(job)
    assert len(cloud.store.results.manifest(job.id).thumbnails) == 4


def test_if_one_thumbnail_cannot_be_written_the_job_is_delivered_again(cloud):
    job, write = cloud.upload(picture()), cloud.processed.write

    def fail(name, *arguments, **options):
        if "16" in name.rpartition("/")[2]:
            raise Unavailable("it does not answer")
        return write(name, *arguments, **options)

    cloud.processed.write = fail
    with pytest.raises(Unavailable):
        cloud.do(job)
    assert cloud.store.results.read(job.id) is None
    cloud.processed.write = write
    cloud.do(job, attempt=2)
    assert cloud.events() == [(job.id, "done")]


@pytest.mark.parametrize("data", [picture(), b"no picture"])
def test_a_delivery_that_stood_still_for_long_writes_nothing(cloud, monkeypatch, data):
    job, read, now = cloud.upload(data), cloud.originals.read, time.time

    def stand_still(*arguments):
        monkeypatch.setattr(time, "time", lambda: now() + 2 * 60 * 60)
        return read(*arguments)

    cloud.originals.read = stand_still
    with pytest.raises(Unavailable, match="stood still"):
        cloud.do(job)
    assert not cloud.processed.blobs


def test_a_deletion_that_stood_still_for_long_is_left_to_the_next(cloud, monkeypatch):
    job, now = cloud.upload(picture()), time.time
    cloud.do(job)
    write = cloud.processed.write

    def stand_still(*arguments, **options):
        monkeypatch.setattr(time, "time", lambda: now() + 2 * 60 * 60)
        return write(*arguments, **options)

    cloud.processed.write = stand_still
    with pytest.raises(Unavailable, match="stood still"):
        cloud.store.delete(job.id)
    assert cloud.originals.blobs
    cloud.processed.write = write
    assert cloud.store.delete(job.id)
    assert not cloud.originals.blobs


def test_a_blob_that_is_deleted_and_written_again_meanwhile_is_not_done_with_thumbnails_missing(
    cloud,
):
    message = cloud.put("incoming/cat.jpg", picture())
    id = id_of("originals", "incoming/cat.jpg", 1)

    class Replaced(MemoryBucket):
        def write(self, name, *arguments, **options):
            written = super().write(name, *arguments, **options)
            if name == f"{id}/24.jpg":  # before the manifest
                cloud.originals.delete("incoming/cat.jpg")
                cloud.take(replace(message, attempt=2))
                cloud.put("incoming/cat.jpg", picture(9, 9))
            return written

    cloud.processed = Replaced()
    cloud.take(message)
    assert cloud.store.is_deleted(id)
    assert not left_in(cloud.processed)
    assert not cloud.events()


def test_the_picture_of_another_program_whose_manifest_is_unreadable_can_be_deleted(cloud):
    cloud.take(cloud.put("incoming/cat.jpg", picture()))
    [(id, _)] = cloud.events()
    cloud.processed.write(f"{id}/manifest.json", b"{", "application/json", "no-cache")
    assert cloud.store.delete(id)
    assert not cloud.originals.blobs
    assert not left_in(cloud.processed)


def test_a_manifest_about_another_upload_deletes_nothing_of_that(cloud):
    mine, other = cloud.upload(picture()), cloud.upload(picture())
    cloud.do(mine)
    cloud.do(other)
    body = cloud.processed.read(f"{other.id}/manifest.json")
    cloud.processed.write(f"{mine.id}/manifest.json", body, "application/json", "no-cache")
    assert cloud.store.delete(mine.id)
    assert list(cloud.originals.blobs) == [other.id]
    assert cloud.store.status(other.id)
    assert cloud.store.status(mine.id) is None


def test_an_id_that_never_was_leaves_no_tombstone(cloud):
    assert not cloud.store.delete(new_id())
    assert not cloud.processed.blobs


def test_a_job_of_an_older_generation_does_not_replace_the_result_of_a_newer_one(cloud):
    job = cloud.upload(picture())
    newer = Manifest(job.id, job.name, job.generation + 1)
    cloud.store.results.put(newer)
    cloud.do(job)
    assert cloud.store.results.manifest(job.id) == newer
    assert not cloud.events()
