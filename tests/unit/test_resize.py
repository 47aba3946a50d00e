import json
from dataclasses import dataclass, field

import pytest

from quickthumb.errors import InvalidMessage, Unavailable
from quickthumb.imaging import Limits
from quickthumb.jobs import Job, Rendition, new_id
from quickthumb.messaging import Message
from quickthumb.resize import resize
from quickthumb.store import Store
from tests.doubles import MemoryBucket, MemoryTopic
from tests.pictures import picture, sideways, size_of

RENDITIONS = (Rendition.square(32), Rendition.square(16))


@dataclass
class Kitchen:
    """What `resize` works with, in memory."""

    originals: MemoryBucket = field(default_factory=MemoryBucket)
    processed: MemoryBucket = field(default_factory=MemoryBucket)
    completed: MemoryTopic = field(default_factory=MemoryTopic)

    @property
    def store(self) -> Store:
        return Store(self.originals, self.processed)

    def upload(self, data: bytes) -> Job:
        return self.store.keep_original(new_id(), data, "image/jpeg", "a.jpg", RENDITIONS)

    def do(self, job: Job) -> None:
        message = Message(job.to_json(), {}, "1", 1)
        resize(message, self.store, self.completed, Limits())

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
        resize(Message(b'{"v":2}', {}, "1", 1), kitchen.store, kitchen.completed, Limits())
