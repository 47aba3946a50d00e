import pytest

from quickthumb.bury import bury
from quickthumb.documents.job import Job
from quickthumb.documents.manifest import Manifest
from quickthumb.documents.names import id_of, new_id
from quickthumb.documents.rendition import Rendition
from quickthumb.messaging import Message
from quickthumb.problems import Unavailable
from quickthumb.store import Store
from tests.doubles import MemoryBucket, MemoryTopic, left_in
from tests.pictures import picture


@pytest.fixture
def originals():
    return MemoryBucket("originals")


@pytest.fixture
def processed():
    return MemoryBucket("processed")


@pytest.fixture
def store(originals, processed):
    return Store(originals, processed)


@pytest.fixture
def completed():
    return MemoryTopic()


@pytest.fixture
def job(store):
    return store.originals.keep(new_id(), picture(), "image/jpeg", "a.jpg", (Rendition.square(8),))


def dead(job):
    """What Pub/Sub moves to the dead-letter topic."""
    attributes = {"schema": "1", "CloudPubSubDeadLetterSourceDeliveryCount": "5"}
    return Message(job.to_json(), attributes, "1", None)


def test_a_dead_letter_ends_as_failed_and_says_so(store, completed, job):
    bury(dead(job), store, completed)
    manifest = store.results.manifest(job.id)
    assert (manifest.state, manifest.failure.code, manifest.name) == ("failed", "gave-up", job.name)
    assert "5 attempts" in manifest.failure.detail
    [(body, attributes)] = completed.messages
    assert Manifest.from_json(body) == manifest
    assert attributes == {"schema": "1", "id": job.id, "state": "failed"}


def test_a_job_that_was_given_up_is_counted_with_those_that_failed(store, completed, job, caplog):
    bury(dead(job), store, completed)
    [counted] = [record.fields for record in caplog.records if hasattr(record, "fields")]
    assert counted == {"event": "failed", "code": "gave-up"}


def test_a_job_that_has_ended_after_all_keeps_its_end_which_is_told(store, completed, job):
    done = Manifest(job.id, job.name, job.generation)
    store.results.put(done)
    bury(dead(job), store, completed)
    assert store.results.manifest(job.id) == done
    [(_, attributes)] = completed.messages
    assert attributes["state"] == "done"


def test_a_dead_letter_that_is_delivered_twice_leaves_the_same(processed, store, completed, job):
    bury(dead(job), store, completed)
    before = dict(processed.blobs)
    bury(dead(job), store, completed)
    assert processed.blobs == before


def test_of_a_deleted_upload_nothing_is_left_or_told(processed, store, completed, job):
    store.results.put_thumbnail(f"{job.id}/8.jpg", b"half of a job", "image/jpeg")
    store.originals.delete(job.id)
    bury(dead(job), store, completed)
    assert not left_in(processed)
    assert store.status(job.id) is None
    assert not completed.messages


def test_a_dead_notification_of_a_bucket_ends_as_failed_too(originals, store, completed):
    generation = originals.create("incoming/cat.jpg", picture(), "image/jpeg", {})
    attributes = {
        "eventType": "OBJECT_FINALIZE",
        "bucketId": "originals",
        "objectId": "incoming/cat.jpg",
        "objectGeneration": str(generation),
    }
    bury(Message(b"{}", attributes, "1", None), store, completed)
    id = id_of("originals", "incoming/cat.jpg", generation)
    assert store.results.manifest(id).failure.code == "gave-up"


@pytest.mark.parametrize(
    ("data", "attributes"),
    [
        (b"\xff", {}),
        (b"[" * 3000, {}),
        (b'{"generation":1e999}', {}),
        (b"", {"eventType": "OBJECT_FINALIZE"}),
        (b"", {"eventType": "OBJECT_DELETE"}),
    ],
)
def test_an_unreadable_dead_letter_is_not_redelivered_forever(
    processed, store, completed, data, attributes
):
    bury(Message(data, attributes, "1", None), store, completed)
    assert not processed.blobs
    assert not completed.messages


def test_a_dead_job_of_another_bucket_writes_nothing(originals, processed, store, completed):
    name = "incoming/cat.jpg"
    generation = originals.create(name, picture(), "image/jpeg", {})
    job = Job(id_of("evil", name, generation), "evil", name, generation, (Rendition.square(8),))
    bury(dead(job), store, completed)
    notified = {
        "eventType": "OBJECT_FINALIZE",
        "bucketId": "evil",
        "objectId": name,
        "objectGeneration": str(generation),
    }
    bury(Message(b"{}", notified, "2", None), store, completed)
    assert not processed.blobs
    assert not completed.messages


def test_a_folder_placeholder_is_not_buried(originals, processed, store, completed):
    originals.create("incoming/2019/", b"", "text/plain", {})
    notified = {
        "eventType": "OBJECT_FINALIZE",
        "bucketId": "originals",
        "objectId": "incoming/2019/",
        "objectGeneration": "1",
    }
    bury(Message(b"{}", notified, "1", None), store, completed)
    assert not processed.blobs


def test_how_often_it_was_delivered_is_told_as_a_number_or_not_at_all(store, completed, job):
    forged = {"CloudPubSubDeadLetterSourceDeliveryCount": "<script>"}
    bury(Message(job.to_json(), forged, "1", None), store, completed)
    assert "in several attempts" in store.results.manifest(job.id).failure.detail


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 3000, b"null"])
def test_an_unreadable_manifest_does_not_cause_redelivery(processed, store, completed, job, body):
    processed.write(f"{job.id}/manifest.json", body, "application/json", "no-cache")
    bury(dead(job), store, completed)
    [(event, attributes)] = completed.messages
    assert (attributes["state"], Manifest.from_json(event).generation) == ("failed", job.generation)


def test_an_original_that_cannot_be_described_is_not_taken_for_deleted(
    originals, store, completed, job
):
    originals.odd.add(job.id)
    bury(dead(job), store, completed)
    assert store.results.manifest(job.id).failure.code == "gave-up"


@pytest.mark.parametrize("part", ["processed", "originals", "completed"])
def test_a_dead_letter_is_redelivered_during_an_outage(request, store, job, part):
    broken = request.getfixturevalue(part)
    completed = request.getfixturevalue("completed")
    broken.broken = True
    with pytest.raises(Unavailable):
        bury(dead(job), store, completed)
    broken.broken = False
    bury(dead(job), store, completed)
    assert store.results.manifest(job.id).failure.code == "gave-up"
    assert [attributes["state"] for _, attributes in completed.messages] == ["failed"]
