"""The store over both kinds of bucket: what is asked for fits, and damage stays where it is."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from quickthumb import json_api
from quickthumb.documents import metadata, notes
from quickthumb.documents.names import new_id
from quickthumb.documents.rendition import MAX_SIZE, Rendition
from quickthumb.json_api import Client
from quickthumb.options import MAX_RENDITIONS, Menu, parse_renditions, renditions_of
from quickthumb.policy import Policy
from quickthumb.problems import InvalidMetadata, InvalidOption, Unavailable
from quickthumb.storage import CloudBucket
from quickthumb.store import Store, walks
from quickthumb.sweep import sweep
from quickthumb.sweeping.sweeper import Sweeper
from tests.doubles import MemoryBucket, MemoryTopic

LONGEST_TYPE = f"image/{'x' * 100}"  # that `POST /uploads` takes

EVERYTHING = {
    "sizes": ",".join(str(MAX_SIZE - number) for number in range(MAX_RENDITIONS)),
    "fit": "cover",
    "gravity": "smart",
    "focus": "0.1234,0.5678",
    "format": "jpeg",
    "quality": "100",
    "background": "ffffff",
    "max_bytes": "100000000",
}

NAMED = ",".join(
    f"{'n' * 31}{number}:{MAX_SIZE}x{MAX_SIZE - 1}:cover:smart:jpeg:quality=100:background=ffffff"
    ":max_bytes=100000000:focus=0.1234,0.5678"
    for number in range(MAX_RENDITIONS)
)


def worst():
    """Return the thumbnails that take most to note."""
    return renditions_of(EVERYTHING.items(), Menu(parse_renditions(NAMED), ()))


@pytest.fixture
def processed(request, bucket):
    if isinstance(bucket, MemoryBucket):
        return MemoryBucket("processed")
    return CloudBucket(Client(request.getfixturevalue("server")), "processed", call_seconds=5)


@pytest.fixture
def store(bucket, processed):
    return Store(bucket, processed)


@pytest.mark.parametrize("letter", ["a", "😀", "<", "\x01", "\u2028", '"', "ü"])
def test_the_largest_request_fits_whatever_its_file_is_called(store, bucket, letter):
    id = new_id()
    job = store.originals.keep(id, b"data", LONGEST_TYPE, letter * 255, worst())
    blob = bucket.stat(id)
    assert store.originals.job_of(blob, ()) == job
    assert job.renditions == worst()
    assert len(job.renditions) == 2 * MAX_RENDITIONS
    assert job.filename == letter * 255
    # What Cloud Storage takes.
    assert all(len(value.encode()) <= 4096 for value in blob.metadata.values())
    assert sum(len(text.encode()) for pair in blob.metadata.items() for text in pair) <= 8192


@pytest.mark.parametrize("letter", ["a", "😀", "<", "ü"])
def test_the_file_name_of_an_ordinary_request_is_kept_whole(store, bucket, letter):
    id = new_id()
    renditions = tuple(map(Rendition.square, (256, 512, 1024)))
    store.originals.keep(id, b"data", "image/png", letter * 300, renditions)
    metadata = bucket.stat(id).metadata
    assert metadata["filename"] == letter * 255
    # As earlier versions read it, so that they can after a rollback.
    assert [Rendition(**member) for member in json.loads(metadata["renditions"])] == [*renditions]


@pytest.mark.parametrize("letter", ["a", "😀", "<", "ü", '"', "\\", "\0", "\u2028"])
def test_the_most_metadata_that_is_accepted_comes_back_as_it_was(store, bucket, letter):
    renditions = (Rendition.square(256),)
    for count in range(metadata.MAX_BYTES, 0, -1):
        sent = {"caption": letter * count, "user": "ada"}
        with suppress(InvalidMetadata):
            notes.written("cat.jpg", renditions, metadata.checked(sent))
            break
    id = new_id()
    kept = store.originals.keep(id, b"data", "image/png", "cat.jpg", renditions, sent)
    blob = bucket.stat(id)
    assert kept.metadata == store.originals.job_of(blob, ()).metadata == sent
    assert store.originals.queued(id).metadata == sent
    # What Cloud Storage takes.
    assert all(len(value.encode()) <= 4096 for value in blob.metadata.values())


def test_more_than_can_be_noted_is_refused_and_nothing_is_kept(store, bucket):
    id = new_id()
    with pytest.raises(InvalidOption, match=r"64 thumbnails .* the limit is 3,264: request fewer"):
        store.originals.keep(id, b"data", "image/png", "a.png", worst() * 4)
    assert bucket.stat(id) is None


def test_metadata_that_are_too_large_are_refused_and_keep_no_walk_from_its_end(server, monkeypatch):
    """If the server ever takes them, `notes.MAX_BYTES` can grow."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server)
    bucket = CloudBucket(json_api.connect(), "contract", call_seconds=0.5)
    id = new_id()
    with pytest.raises(Unavailable):
        bucket.create(id, b"data", "image/png", {"filename": "a" * 70_000})
    assert not list(walks.walk(bucket, lambda unread: None, walks.HEXADECIMAL, id[:8]))
    bucket.create(id, b"data", "image/png", {"filename": "a"})  # as a user who sends it again
    assert [blob.name for blob in bucket.walk(id)] == [id]


@pytest.mark.parametrize(
    "separators", [(", ", ": "), (",", ":")], ids=["with blanks", "without blanks"]
)
def test_what_earlier_versions_noted_is_read(store, bucket, separators):
    id = new_id()
    listed = [rendition.to_dict() for rendition in worst()[:4]]
    metadata = {"filename": "a.png", "renditions": json.dumps(listed, separators=separators)}
    bucket.create(id, b"data", "image/png", metadata)
    job = store.originals.job_of(bucket.stat(id), ())
    assert (job.filename, job.renditions) == ("a.png", worst()[:4])


def test_a_sweep_comes_past_damaged_blobs_and_sees_to_all_others(store, bucket, processed, damage):
    ids = sorted(new_id() for _ in range(12))
    names = [f"incoming/announced/{id}" if number % 3 else id for number, id in enumerate(ids)]
    names.append(f"incoming/cat {ids[0]}.jpg")
    for name in names:
        metadata = notes.written("a.png", (Rendition.square(8),))
        bucket.create(name, b"data", "image/png", metadata)
    for number in (0, 4):
        damage(names[number])
    uploads = MemoryTopic()
    later = datetime.now(UTC) + timedelta(hours=1)
    report = sweep(Sweeper(store, uploads, MemoryTopic(), Policy(), (), now=lambda: later))
    published = [json.loads(body)["name"] for body, _ in uploads.messages]
    left = [name for number, name in enumerate(names) if number not in (0, 4)]
    assert set(left) <= set(published)
    assert names[0] not in published
    assert names[4] not in published
    assert report.unread == 2
