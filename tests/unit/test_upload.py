import json

import pytest

from quickthumb.documents.job import Job
from quickthumb.documents.names import new_id
from quickthumb.documents.rendition import Rendition
from quickthumb.limits import Limits
from quickthumb.problems import EmptyFile, NotAPicture, Unavailable
from quickthumb.store import Store
from quickthumb.store.originals import Queued
from quickthumb.upload import File, accept
from tests.doubles import MemoryBucket, MemoryTopic
from tests.pictures import picture

RENDITIONS = (Rendition.square(32),)


@pytest.fixture
def originals():
    return MemoryBucket("originals")


@pytest.fixture
def store(originals):
    return Store(originals, MemoryBucket("processed"))


@pytest.fixture
def uploads():
    return MemoryTopic()


def send(data, store, uploads, filename="cat.jpg"):
    return accept(new_id(), File(filename, data), RENDITIONS, store, uploads, Limits())


def test_an_accepted_picture_is_stored_and_its_job_published(originals, store, uploads):
    job = send(picture(), store, uploads)
    assert originals.read(job.name, job.generation) == picture()
    [(body, attributes)] = uploads.messages
    assert Job.from_json(body) == job
    assert attributes == {"schema": "1"}
    assert store.status(job.id) == Queued(RENDITIONS)


def test_the_type_is_what_the_bytes_say_whatever_the_name_claims(originals, store, uploads):
    job = send(picture(format="PNG"), store, uploads, filename="cat.jpg")
    assert originals.stat(job.name).content_type == "image/png"


def test_the_file_name_and_the_request_are_kept_as_metadata(originals, store, uploads):
    job = send(picture(), store, uploads, filename="Kätzchen \N{CAT FACE}.jpg")
    metadata = originals.stat(job.name).metadata
    assert metadata["filename"] == "Kätzchen \N{CAT FACE}.jpg"
    assert json.loads(metadata["renditions"]) == [{"name": "32", "width": 32, "height": 32}]


def test_a_long_file_name_is_truncated(originals, store, uploads):
    job = send(picture(), store, uploads, filename="a" * 10_000)
    assert len(originals.stat(job.name).metadata["filename"]) == 255


@pytest.mark.parametrize(("data", "error"), [(b"", EmptyFile), (b"hello", NotAPicture)])
def test_a_refused_file_leaves_nothing_behind(originals, store, uploads, data, error):
    with pytest.raises(error):
        send(data, store, uploads)
    assert not originals.blobs
    assert not uploads.messages


def test_a_picture_whose_job_cannot_be_published_is_taken_back(originals, store, uploads):
    uploads.broken = True
    with pytest.raises(Unavailable):
        send(picture(), store, uploads)
    assert not originals.blobs


def test_a_write_whose_answer_was_lost_counts_as_done(originals, store, uploads):
    class AnswersTooLate(MemoryBucket):
        def create(self, *arguments):
            super().create(*arguments)
            return super().create(*arguments)  # the client library's second try

    store = Store(AnswersTooLate("originals"), MemoryBucket())
    job = send(picture(), store, uploads)
    assert store.originals.read(job) == picture()
