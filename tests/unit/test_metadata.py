"""The application's own data: what is accepted, and where it comes back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickthumb.bury import bury
from quickthumb.documents import metadata, notes
from quickthumb.documents.arrival import Arrival
from quickthumb.documents.job import Job
from quickthumb.documents.manifest import Manifest
from quickthumb.documents.metadata import MAX_BYTES, MAX_KEYS
from quickthumb.documents.rendition import Rendition
from quickthumb.messaging import Message
from quickthumb.problems import InvalidMetadata
from quickthumb.resize import resize
from tests.doubles import MemoryKitchen, MemoryTopic
from tests.pictures import picture
from tests.service import Service, expect_problem

SENT = {"album": "7", "caption": 'Größe "XL" <b> 🐈\n'}
FIELDS = {f"metadata[{key}]": text for key, text in SENT.items()}
KEYS = st.from_regex(metadata.KEY, fullmatch=True)
BOUNDED = st.dictionaries(KEYS, st.text(max_size=30), max_size=MAX_KEYS).filter(
    lambda found: len(metadata.written(found).encode()) <= MAX_BYTES
)


@pytest.fixture
def service():
    return Service(public_url="https://thumbs.example")


def events_of(service, work=resize):
    """Run the queued jobs, and return their events."""
    topic = MemoryTopic()
    for body, attributes in service.uploads.messages:
        message = Message(body, attributes, "1", 1)
        if work is bury:
            bury(message, service.store, topic, service.settings.public_url)
        else:
            resize(message, service.store, topic, service.settings, service.kitchen)
    return [json.loads(data) for data, _ in topic.messages]


def refused(given):
    with pytest.raises(InvalidMetadata) as error:
        metadata.from_fields(given)
    return error.value.field, str(error.value)


@pytest.mark.parametrize(
    "request_of",
    [
        {"data": FIELDS},
        {"data": {"metadata": json.dumps(SENT)}},
        {"data": {"metadata": '{"album": "7"}', "metadata[caption]": SENT["caption"]}},
        {"params": FIELDS},
        {"params": {"metadata": json.dumps(SENT)}},
        {"data": {"metadata[album]": "7"}, "params": {"metadata[caption]": SENT["caption"]}},
    ],
    ids=["fields", "an object", "both", "query", "an object in the query", "form and query"],
)
def test_metadata_comes_back_in_receipt_status_and_event(service, request_of):
    receipt = service.post(**request_of).json()
    queued = service.http.get(receipt["links"]["self"]).json()
    [event] = events_of(service)
    done = service.http.get(receipt["links"]["self"]).json()
    assert [each["metadata"] for each in (receipt, queued, event, done)] == [SENT] * 4
    assert (queued["status"], done["status"]) == ("queued", "done")


def test_a_raw_picture_has_its_metadata_in_the_query(service):
    receipt = service.http.post("/", params={"metadata[album]": "7"}, content=picture()).json()
    assert receipt["metadata"] == {"album": "7"}


def test_every_picture_of_a_form_gets_the_metadata(service):
    files = [("file", ("a.png", picture())), ("file", ("b.png", picture(9, 9)))]
    answer = service.http.post("/", files=files, data=FIELDS).json()
    assert [each["metadata"] for each in answer["uploads"]] == [SENT, SENT]


def test_without_metadata_there_is_no_such_member(service):
    receipt = service.post().json()
    [event] = events_of(service)
    assert "metadata" not in receipt
    assert "metadata" not in service.http.get(receipt["links"]["self"]).json()
    assert event["metadata"] == {}


@pytest.mark.parametrize("work", [resize, bury])
def test_a_job_that_fails_keeps_its_metadata(service, work):
    broken = picture(400, 300, format="PNG")[:300]
    receipt = service.http.post("/", files={"file": broken}, data=FIELDS).json()
    [event] = events_of(service, work)
    assert event["state"] == service.http.get(receipt["links"]["self"]).json()["status"] == "failed"
    assert event["metadata"] == SENT
    assert service.http.get(receipt["links"]["self"]).json()["metadata"] == SENT


def arrived(service, data, session):
    """Send an announced picture, and return the message that Cloud Storage sends of it."""
    service.originals.send(session["upload"]["url"], data)
    name = f"incoming/announced/{session['id']}"
    blob, _ = service.originals.blobs[name]
    attributes = {
        "eventType": "OBJECT_FINALIZE",
        "bucketId": service.originals.name,
        "objectId": name,
        "objectGeneration": str(blob.generation),
    }
    assert Arrival.from_attributes(attributes)
    return Message(b"", attributes, "1", 1)


@pytest.mark.parametrize("work", [resize, bury])
@pytest.mark.parametrize("data", [picture(), b"not a picture"], ids=["picture", "other"])
def test_an_announced_picture_keeps_its_metadata(service, work, data):
    document = {"size": len(data), "metadata": {"album": "7"}}
    query = {"metadata[caption]": SENT["caption"]}
    session = service.http.post("/uploads", json=document, params=query).json()
    topic = MemoryTopic()
    message = arrived(service, data, session)
    assert service.http.get(f"/{session['id']}").json()["metadata"] == SENT
    if work is bury:
        bury(message, service.store, topic)
    else:
        resize(message, service.store, topic, service.settings, MemoryKitchen())
    assert json.loads(topic.messages[0][0])["metadata"] == SENT
    assert service.http.get(f"/{session['id']}").json()["metadata"] == SENT


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"album": "7"}', {"album": "7"}),
        ("album 7", {}),
        ('{"album": 7}', {}),
        (json.dumps({"a": "x" * MAX_BYTES}), {}),
    ],
)
def test_another_program_gives_its_picture_metadata_and_what_is_none_is_ignored(
    service, text, found
):
    created = service.originals.create("incoming/a.png", picture(), "image/png", {"metadata": text})
    blob = service.originals.stat("incoming/a.png")
    assert blob.generation == created
    job = service.store.originals.job_of(blob, (Rendition.square(8),))
    assert job.metadata == found


def test_a_repeated_request_must_have_the_same_metadata(service):
    headers = {"Idempotency-Key": "k"}
    first = service.post(data=FIELDS, headers=headers)
    again = service.post(data=FIELDS, headers=headers)
    other = service.post(data={"metadata[album]": "8"}, headers=headers)
    assert (first.json(), again.headers["Idempotent-Replayed"]) == (again.json(), "true")
    expect_problem(other, 422, "idempotency-key-reused")


def test_metadata_is_taken_where_options_are_not():
    service = Service(only_renditions=True)
    assert service.post(data=FIELDS).json()["metadata"] == SENT


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ([("metadata[a b]", "")], "metadata[a b]", "'a b': expected a key of 1 to 64 letters"),
        ([("metadata[]", "")], "metadata[]", "expected a key of 1 to 64"),
        ([("metadata[a][b]", "")], "metadata[a][b]", "expected a key of 1 to 64"),
        ([("metadata[" + "k" * 65 + "]", "")], "metadata[" + "k" * 65 + "]", "1 to 64"),
        ([("metadata[a]", "1"), ("metadata[a]", "1")], "metadata[a]", "'a' is given twice"),
        ([("metadata", '{"a": "1"}'), ("metadata[a]", "1")], "metadata[a]", "given twice"),
        ([("metadata", '{"a": 1}')], "metadata[a]", "a: 1: expected text"),
        ([("metadata", '{"a": {"b": "c"}}')], "metadata[a]", "expected text"),
        ([("metadata", '{"a": null}')], "metadata[a]", "expected text"),
        ([("metadata", r'{"a": "\ud800"}')], "metadata", "expected a JSON object"),
        ([("metadata", "[1]")], "metadata", "expected a JSON object"),
        ([("metadata", "album=7")], "metadata", "'album=7': expected a JSON object"),
        ([("metadata", "[" * 4000)], "metadata", "expected a JSON object"),
        (
            [(f"metadata[k{n}]", "") for n in range(MAX_KEYS + 1)],
            "metadata",
            f"{MAX_KEYS + 1} keys: expected at most {MAX_KEYS}",
        ),
        (
            [("metadata[a]", "ü" * (MAX_BYTES // 2))],
            "metadata",
            "2,056 bytes of JSON: expected at most 2,048",
        ),
    ],
)
def test_invalid_metadata_is_refused_and_the_field_named(fields, field, message):
    named, said = refused(fields)
    assert named == field
    assert message in said


def test_as_many_fields_as_there_may_be_keys_are_taken_beside_all_options(service):
    fields = {f"metadata[k{n}]": "v" for n in range(MAX_KEYS)}
    options = {"sizes": "8", "fit": "cover", "gravity": "smart", "format": "webp", "quality": "7"}
    assert service.post(data=fields | options).status_code == 202


def test_a_refusal_is_a_problem(service):
    answer = service.post(data={"metadata[a b]": "x"})
    problem = expect_problem(answer, 400, "invalid-metadata")
    assert problem["field"] == "metadata[a b]"
    assert not service.originals.blobs


@pytest.mark.parametrize(
    ("value", "field"),
    [(["a"], "metadata"), ("a", "metadata"), ({"a": 1}, "metadata[a]"), ({"": "x"}, "metadata[]")],
)
def test_invalid_metadata_of_an_announcement_is_refused(service, value, field):
    answer = service.http.post("/uploads", json={"size": 9, "metadata": value})
    assert expect_problem(answer, 400, "invalid-metadata")["field"] == field


def test_what_does_not_fit_beside_thumbnails_and_name_is_refused(service):
    most = {"metadata[a]": "x" * (MAX_BYTES - len('{"a":""}'))}
    assert service.post(data=most).status_code == 202
    answer = service.post(filename="<" * 255, data=most)
    problem = expect_problem(answer, 400, "invalid-metadata")
    assert "shorten the file name" in problem["detail"]


@given(BOUNDED)
def test_whatever_is_within_the_bounds_is_kept_exactly(sent):
    fields = [("sizes", "8"), *((f"metadata[{key}]", text) for key, text in sent.items())]
    assert metadata.from_fields(fields) == ((("sizes", "8"),), sent)
    assert metadata.read(metadata.written(sent)) == sent
    job = Job("0" * 32, "originals", "0" * 32, 1, (Rendition.square(8),), metadata=sent)
    assert Job.from_json(job.to_json()) == job
    manifest = Manifest(job.id, job.name, 1, metadata=sent)
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert json.loads(manifest.as_event())["metadata"] == sent


@given(st.lists(st.tuples(st.sampled_from(["metadata", "metadata[a]", "fit"]), st.text())))
def test_whatever_is_sent_is_taken_or_refused(fields):
    try:
        others, found = metadata.from_fields(fields)
    except InvalidMetadata as error:
        assert error.field.startswith("metadata")
    else:
        assert [name for name, _ in others] == [name for name, _ in fields if name == "fit"]
        assert len(metadata.written(found).encode()) <= MAX_BYTES


def test_earlier_versions_read_what_has_metadata():
    written = notes.written("a.png", (Rendition.square(8),), SENT)
    assert written.keys() == {"filename", "renditions", "metadata"}
    assert json.loads(written["metadata"]) == SENT
    job = Job("0" * 32, "originals", "0" * 32, 1, (Rendition.square(8),), 1, "a.png", SENT)
    members = json.loads(job.to_json())
    assert members.pop("metadata") == SENT
    assert members.keys() == {
        *("id", "bucket", "name", "generation", "renditions", "size", "filename")
    }


def test_an_event_has_links_where_the_service_knows_its_address(service):
    receipt = service.post().json()
    [event] = events_of(service)
    status = f"https://thumbs.example/{receipt['id']}"
    assert event["links"] == {"self": status, "thumbnails": {"256": f"{status}/256"}}


def test_an_event_has_no_links_where_it_does_not():
    service = Service()
    service.http.post("/", content=picture(), headers={"Host": "evil.example"})
    [event] = events_of(service)
    assert event["links"] is None
