import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from quickthumb.bury import give_up
from quickthumb.errors import GaveUp, InvalidMessage, Unavailable
from quickthumb.jobs import Job, Rendition, id_of, new_id
from quickthumb.messaging import Message
from quickthumb.resize import resize
from quickthumb.settings import Settings
from quickthumb.store import Store
from tests.doubles import MemoryBucket, MemoryKitchen, MemoryTopic
from tests.pictures import picture, sideways, size_of

SETTINGS = Settings(
    "originals",
    "processed",
    "requests",
    "projects/p/topics/u",
    "projects/p/topics/c",
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
class Kitchen:
    """What `resize` works with, in memory."""

    originals: MemoryBucket = field(default_factory=lambda: MemoryBucket("originals"))
    processed: MemoryBucket = field(default_factory=MemoryBucket)
    completed: MemoryTopic = field(default_factory=MemoryTopic)

    @property
    def store(self) -> Store:
        return Store(self.originals, self.processed)

    def upload(self, data: bytes) -> Job:
        return self.store.keep_original(new_id(), data, "image/jpeg", "a.jpg", RENDITIONS)

    def do(self, job: Job) -> None:
        self.take(Message(job.to_json(), {}, "1", 1))

    def take(self, message: Message) -> None:
        resize(message, self.store, self.completed, SETTINGS, MemoryKitchen())

    def put(self, name: str, data: bytes, metadata: dict[str, str] | None = None) -> Message:
        """Write a blob as other programs do; return what Cloud Storage tells of it."""
        self.originals.delete(name)
        generation = self.originals.create(name, data, "image/jpeg", metadata or {})
        return Message(b"", arrival(name, generation), "2", 1)

    def events(self) -> list[tuple[str, str]]:
        return [(a["id"], a["state"]) for _, a in self.completed.messages]


@pytest.fixture
def kitchen():
    return Kitchen()


def test_a_job_ends_with_its_thumbnails_a_manifest_and_an_event(kitchen):
    job = kitchen.upload(picture(64, 48))
    kitchen.do(job)
    manifest = kitchen.store.manifest(job.id)
    assert [(t.name, t.width, t.height) for t in manifest.thumbnails] == [
        ("32", 32, 24),
        ("16", 16, 12),
    ]
    for thumb in manifest.thumbnails:
        data = kitchen.store.thumbnail(thumb.blob)
        assert size_of(data) == (thumb.width, thumb.height)
        assert len(data) == thumb.bytes
    assert kitchen.events() == [(job.id, "done")]
    assert json.loads(kitchen.completed.messages[0][0])["state"] == "done"


def test_a_picture_that_lies_on_its_side_is_turned(kitchen):
    job = kitchen.upload(sideways(64, 48))
    kitchen.do(job)
    manifest = kitchen.store.manifest(job.id)
    assert (manifest.original.width, manifest.original.height) == (48, 64)
    assert (manifest.thumbnails[0].width, manifest.thumbnails[0].height) == (24, 32)


def test_a_second_delivery_changes_nothing_and_tells_again(kitchen):
    job = kitchen.upload(picture())
    kitchen.do(job)
    before = dict(kitchen.processed.blobs)
    kitchen.do(job)
    assert kitchen.processed.blobs == before
    assert kitchen.events() == [(job.id, "done")] * 2


def test_a_picture_that_cannot_be_done_fails_for_good(kitchen):
    job = kitchen.upload(b"GIF89a no picture")
    kitchen.do(job)
    failure = kitchen.store.manifest(job.id).failure
    assert failure.code in ("corrupt", "not-a-picture")
    assert failure.detail.endswith(".")
    assert kitchen.events() == [(job.id, "failed")]


def test_a_deleted_original_leaves_nothing(kitchen):
    job = kitchen.upload(picture())
    kitchen.store.delete(job.id)
    kitchen.do(job)
    assert not kitchen.processed.blobs
    assert not kitchen.events()


def test_an_original_deleted_while_it_is_resized_leaves_nothing(kitchen):
    job = kitchen.upload(picture())

    class DeletedAtTheEnd(MemoryBucket):
        def write(self, name, data, content_type, cache_control):
            super().write(name, data, content_type, cache_control)
            if name.endswith("manifest.json"):
                kitchen.originals.delete(job.id)

    kitchen.processed = DeletedAtTheEnd()
    kitchen.do(job)
    assert not kitchen.processed.blobs
    assert not kitchen.events()


def test_the_status_of_an_upload_deleted_before_its_end_does_not_come_back(kitchen):
    job = kitchen.upload(picture())
    written = []

    class DeletedInBetween(MemoryBucket):
        def write(self, name, data, content_type, cache_control):
            super().write(name, data, content_type, cache_control)
            kitchen.originals.delete(job.id)
            written.append(name)

    kitchen.processed = DeletedInBetween()
    kitchen.do(job)
    assert written
    assert f"{job.id}/manifest.json" not in written
    assert not kitchen.processed.blobs


@pytest.mark.parametrize("part", ["originals", "processed", "completed"])
def test_while_a_part_does_not_answer_the_job_is_delivered_again(kitchen, part):
    job = kitchen.upload(picture())
    getattr(kitchen, part).broken = True
    with pytest.raises(Unavailable):
        kitchen.do(job)
    getattr(kitchen, part).broken = False
    kitchen.do(job)
    assert kitchen.store.manifest(job.id).state == "done"
    assert kitchen.events() == [(job.id, "done")]


def test_thumbnails_come_before_the_manifest(kitchen):
    job = kitchen.upload(picture())
    kitchen.do(job)
    assert list(kitchen.processed.blobs)[-1] == f"{job.id}/manifest.json"


def test_a_message_of_another_version_is_not_dropped(kitchen):
    with pytest.raises(InvalidMessage):
        kitchen.take(Message(b'{"v":2}', {}, "1", 1))


def test_a_picture_that_another_program_put_there_gets_the_default_thumbnails(kitchen):
    message = kitchen.put("incoming/holiday/cat.jpg", picture(64, 48))
    kitchen.take(message)
    generation = int(message.attributes["objectGeneration"])
    id = id_of("originals", "incoming/holiday/cat.jpg", generation)
    manifest = kitchen.store.manifest(id)
    assert manifest.name == "incoming/holiday/cat.jpg"
    assert [(t.name, t.width, t.height) for t in manifest.thumbnails] == [("24", 24, 18)]
    assert kitchen.events() == [(id, "done")]


def test_an_upload_that_went_to_the_bucket_itself_gets_the_thumbnails_it_asked_for(kitchen):
    id = new_id()
    metadata = {"renditions": json.dumps([rendition.to_dict() for rendition in RENDITIONS])}
    kitchen.take(kitchen.put(f"incoming/announced/{id}", picture(64, 48), metadata))
    assert [thumb.name for thumb in kitchen.store.manifest(id).thumbnails] == ["32", "16"]


def test_a_blob_that_is_told_of_twice_is_done_once(kitchen):
    message = kitchen.put("incoming/cat.jpg", picture())
    kitchen.take(message)
    before = dict(kitchen.processed.blobs)
    kitchen.take(message)
    assert kitchen.processed.blobs == before


def test_a_blob_that_a_job_and_a_notification_tell_of_is_done_once(kitchen):
    id = new_id()
    message = kitchen.put(f"incoming/announced/{id}", picture())
    kitchen.take(message)
    before = dict(kitchen.processed.blobs)
    blob = kitchen.originals.stat(f"incoming/announced/{id}")
    kitchen.do(kitchen.store.job_of(blob, SETTINGS.menu.standard))
    assert kitchen.processed.blobs == before


def test_a_blob_that_was_written_again_is_another_upload(kitchen):
    first = kitchen.put("incoming/cat.jpg", picture(64, 48))
    kitchen.take(first)
    second = kitchen.put("incoming/cat.jpg", picture(48, 64))
    kitchen.take(second)
    kitchen.take(first)  # late, once more: what it tells of is no longer there
    ids = [id for id, _ in kitchen.events()]
    assert len(set(ids)) == 2
    tall = kitchen.store.manifest(ids[1])
    assert (tall.thumbnails[0].width, tall.thumbnails[0].height) == (18, 24)


def test_a_name_that_looks_like_an_id_gives_no_id_that_others_can_guess(kitchen):
    name = f"incoming/{new_id()}"  # an MD5, or a UUID without its hyphens
    kitchen.take(kitchen.put(name, picture(64, 48)))
    kitchen.take(kitchen.put(name, picture(48, 64)))
    ids = [id for id, _ in kitchen.events()]
    assert len({name.removeprefix("incoming/"), *ids}) == 3
    assert kitchen.store.manifest(ids[0]) != kitchen.store.manifest(ids[1])


def test_a_folder_that_a_console_made_is_passed_over(kitchen):
    kitchen.take(kitchen.put("incoming/holiday/", b""))
    assert not kitchen.events()
    assert not kitchen.processed.blobs


def test_what_another_program_put_there_and_is_no_picture_ends_as_failed(kitchen):
    kitchen.take(kitchen.put("incoming/notes.txt", b"hello"))
    [(id, state)] = kitchen.events()
    assert state == "failed"
    assert kitchen.store.manifest(id).failure.code == "not-a-picture"


def test_a_blob_above_the_limit_fails_without_being_fetched(kitchen):
    fetched = []

    class Watched(MemoryBucket):
        def read(self, name, generation=None):
            fetched.append(name)
            return super().read(name, generation)

    kitchen.originals = Watched("originals")
    kitchen.take(kitchen.put("incoming/huge.tif", bytes(50_001)))
    [(id, _)] = kitchen.events()
    failure = kitchen.store.manifest(id).failure
    assert failure.code == "too-many-bytes"
    assert "50,001 bytes: at most 50,000" in failure.detail
    assert not fetched


def test_a_notification_of_another_bucket_is_not_dropped(kitchen):
    with pytest.raises(InvalidMessage, match="bucket other, expected originals"):
        kitchen.take(Message(b"", arrival("incoming/cat.jpg", 1, "other"), "1", 1))


def test_the_picture_of_another_program_is_deleted_with_its_thumbnails(kitchen):
    kitchen.take(kitchen.put("incoming/cat.jpg", picture()))
    [(id, _)] = kitchen.events()
    assert kitchen.store.delete(id)
    assert not kitchen.originals.blobs
    assert not kitchen.processed.blobs
    assert not kitchen.store.delete(id)


def test_deleting_that_is_interrupted_can_be_done_again(kitchen, monkeypatch):
    job = kitchen.upload(picture())
    kitchen.do(job)
    delete, left = kitchen.processed.delete, len(kitchen.processed.blobs) - 1

    def breaks_before_the_last(name, generation=None):
        nonlocal left
        if not left:
            raise Unavailable("Cloud Storage does not answer")
        left -= 1
        return delete(name, generation)

    with monkeypatch.context() as patched:
        patched.setattr(kitchen.processed, "delete", breaks_before_the_last)
        with pytest.raises(Unavailable):
            kitchen.store.delete(job.id)
    assert kitchen.store.manifest(job.id)  # so that the id is known still
    assert kitchen.store.delete(job.id)
    assert not kitchen.processed.blobs


def test_deleting_spares_what_was_written_in_place_of_the_original_since(kitchen):
    kitchen.take(kitchen.put("incoming/cat.jpg", picture()))
    [(id, _)] = kitchen.events()
    kitchen.put("incoming/cat.jpg", picture(9, 9))
    assert kitchen.store.delete(id)
    assert kitchen.originals.stat("incoming/cat.jpg")
    assert not kitchen.processed.blobs


def test_an_upload_that_went_to_the_bucket_itself_is_queued_until_it_is_done(kitchen):
    id = new_id()
    assert kitchen.store.status(id) is None
    metadata = {"renditions": json.dumps([rendition.to_dict() for rendition in RENDITIONS])}
    kitchen.put(f"incoming/announced/{id}", picture(), metadata)
    assert kitchen.store.status(id).renditions == RENDITIONS
    assert kitchen.store.delete(id)
    assert not kitchen.originals.blobs


def test_what_a_job_took_is_counted_in_the_log(kitchen, caplog):
    caplog.set_level("INFO", logger="quickthumb")
    published = datetime.now(UTC) - timedelta(seconds=5)
    good, bad = kitchen.upload(picture(64, 48)), kitchen.upload(b"no picture")
    for job in (good, bad):
        kitchen.take(Message(job.to_json(), {}, "1", 1, published))
    done, failed = [record.fields for record in caplog.records if hasattr(record, "fields")]
    assert (done["event"], done["code"]) == ("done", None)
    assert (failed["event"], failed["code"]) == ("failed", "not-a-picture")
    assert done["queue_seconds"] >= 5
    assert done["work_seconds"] >= 0
    assert done["bytes_in"] == len(picture(64, 48))
    thumbnails = kitchen.store.manifest(good.id).thumbnails
    assert done["bytes_out"] == sum(thumb.bytes for thumb in thumbnails)


def test_a_delivery_that_comes_after_the_deletion_cleans_up_what_a_dead_one_left(kitchen):
    job = kitchen.upload(picture())
    kitchen.originals.delete(job.id)
    kitchen.store.put_thumbnail(
        f"{job.id}/32.jpg", b"written by one that was cut off", "image/jpeg"
    )
    kitchen.do(job)
    assert not kitchen.processed.blobs


def test_a_redelivery_finds_that_the_original_of_a_finished_job_was_deleted(kitchen):
    job = kitchen.upload(picture())
    kitchen.do(job)
    kitchen.completed.messages.clear()
    kitchen.originals.delete(job.id)
    kitchen.do(job)
    assert not kitchen.processed.blobs
    assert not kitchen.events()


def test_a_job_that_was_given_up_is_done_when_it_is_delivered_once_more(kitchen):
    job = kitchen.upload(picture())
    give_up(job, GaveUp("It could not be done."), kitchen.store, kitchen.completed)
    kitchen.do(job)
    assert kitchen.store.manifest(job.id).state == "done"
    assert kitchen.events() == [(job.id, "failed"), (job.id, "done")]


def test_a_notification_that_comes_after_the_deletion_cleans_up_too(kitchen):
    message = kitchen.put("incoming/cat.jpg", picture())
    kitchen.take(message)
    kitchen.originals.delete("incoming/cat.jpg")
    kitchen.take(message)
    assert not kitchen.processed.blobs
    assert len(kitchen.events()) == 1


def test_a_late_delivery_spares_the_thumbnails_of_an_original_that_was_dropped(kitchen):
    job = kitchen.upload(picture(64, 48))
    kitchen.do(job)
    kitchen.store.drop_done(job)
    results = dict(kitchen.processed.blobs)
    kitchen.do(job)
    give_up(job, GaveUp("late dead letter"), kitchen.store, kitchen.completed)
    assert kitchen.processed.blobs == results
    assert kitchen.store.manifest(job.id).state == "done"
    assert len(kitchen.completed.messages) == 3
