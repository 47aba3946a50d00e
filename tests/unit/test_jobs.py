import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickthumb.documents.arrival import Arrival
from quickthumb.documents.job import Job
from quickthumb.documents.manifest import Failure, Manifest, Original, Thumbnail
from quickthumb.documents.names import id_of, is_id, new_id
from quickthumb.documents.rendition import Rendition
from quickthumb.problems import InvalidMessage

UNICODE = st.characters(exclude_categories=["Cs"])
renditions = st.builds(
    Rendition,
    name=st.from_regex(r"[A-Za-z0-9_@-][A-Za-z0-9._@-]{0,9}", fullmatch=True),
    width=st.integers(1, 4096),
    height=st.integers(1, 4096),
    fit=st.sampled_from(["contain", "cover"]),
    format=st.sampled_from(["auto", "webp"]),
    quality=st.none() | st.integers(1, 100),
    background=st.none() | st.just("#ffffff"),
)
jobs = st.builds(
    lambda bucket, name, generation, **rest: Job(
        id_of(bucket, name, generation), bucket, name, generation, **rest
    ),
    bucket=st.text(UNICODE),
    name=st.text(UNICODE, min_size=1, max_size=256).filter(
        lambda name: name not in (".", "..") and not set(name) & {"\n", "\r"}
    ),
    generation=st.integers(1, 2**63 - 1),
    renditions=st.lists(renditions, min_size=1, max_size=8).map(tuple),
    size=st.integers(0, 2**63 - 1),
    filename=st.text(UNICODE, max_size=255),
)
JOB = Job("a" * 32, "originals", "a" * 32, 7, (Rendition.square(256),))
ORIGINAL = Original("image/jpeg", 640, 427, 1, 112_525)
THUMB = Thumbnail("256", "id/256.jpg", "image/jpeg", 256, 171, 6573, "00ff")


@given(jobs)
def test_a_job_survives_the_message(job):
    assert Job.from_json(job.to_json()) == job


def test_a_message_says_only_what_is_not_the_default():
    document = json.loads(JOB.to_json())
    assert document["renditions"] == [{"name": "256", "width": 256, "height": 256}]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        JOB.to_json().replace(b'"generation":7', b'"generation":"x"'),
        JOB.to_json().replace(b'"id":"', b'"id":1,"x":"'),
        JOB.to_json().replace(b'"width"', b'"breadth"'),
        JOB.to_json().replace(b'[{"name":"256","width":256,"height":256}]', b"[]"),
        JOB.to_json().replace(b'"id":"a', b'"id":"b'),
        JOB.to_json().replace(b"a" * 32, b"../processed"),
        JOB.to_json().replace(b'"name":"256"', b'"name":"../../other"'),
        JOB.to_json().replace(b'"name":"256"', b'"name":256'),
        JOB.to_json().replace(b'"width":256', b'"width":true'),
        JOB.to_json().replace(b'"width":256', b'"width":null'),
        JOB.to_json().replace(b'"width":256', b'"width":-1'),
        JOB.to_json().replace(b'"width":256', b'"width":256,"fit":"stretch"'),
        JOB.to_json().replace(b'"width":256', b'"width":256,"background":"red"'),
        JOB.to_json().replace(b'"width":256', b'"width":4097'),
        JOB.to_json().replace(b'"width":256', b'"width":256.0'),
        JOB.to_json().replace(b'"width":256', b'"width":256,"quality":101'),
        JOB.to_json().replace(b'"width":256', b'"width":256,"quality":"50"'),
        JOB.to_json().replace(b'"width":256', b'"width":256,"fit":["cover"]'),
        JOB.to_json().replace(b'"width":256', b'"width":256,"sharpen":true'),
        JOB.to_json().replace(b'"generation":7', b'"generation":7.0'),
        JOB.to_json().replace(b'"generation":7', b'"generation":"7"'),
        JOB.to_json().replace(b'"generation":7', b'"generation":true'),
        JOB.to_json().replace(b'"generation":7', b'"generation":0'),
        JOB.to_json().replace(b'"generation":7', b'"generation":1e999'),
        JOB.to_json().replace(b'"generation":7', b'"generation":' + b"7" * 5000),
        JOB.to_json().replace(b'"generation":7', b'"generation":' + b"[" * 3000 + b"]" * 3000),
        JOB.to_json().replace(b'"size":0', b'"size":-1'),
        JOB.to_json().replace(b'"size":0', b'"size":NaN'),
        JOB.to_json().replace(b'"filename":""', b'"filename":null'),
        JOB.to_json().replace(b'"filename":""', b'"filename":"\\ud800"'),
        JOB.to_json().replace(
            b'{"name":"256"', b'{"name":"1","width":1,"height":1},' * 64 + b'{"name":"256"'
        ),
    ],
)
def test_an_invalid_job_is_refused(body):
    with pytest.raises(InvalidMessage):
        Job.from_json(body)


@pytest.mark.parametrize(
    "manifest",
    [
        Manifest("i", "incoming/i", 7, ORIGINAL, (THUMB,)),
        Manifest("i", "incoming/i", 7, failure=Failure("corrupt", "The picture ends early.")),
    ],
)
def test_a_manifest_survives_the_bucket(manifest):
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_a_manifest_says_how_the_job_ended():
    assert (
        json.loads(Manifest("i", "incoming/i", 7, ORIGINAL, (THUMB,)).to_json())["state"] == "done"
    )
    assert (
        json.loads(Manifest("i", "incoming/i", 7, failure=Failure("c", "d")).to_json())["state"]
        == "failed"
    )


def test_a_manifest_finds_a_thumbnail_by_its_name():
    manifest = Manifest("i", "incoming/i", 7, ORIGINAL, (THUMB,))
    assert manifest.thumbnail("256") is THUMB
    assert manifest.thumbnail("64") is None


@given(renditions)
def test_a_rendition_is_read_from_either_form(rendition):
    assert Rendition.from_json(json.loads(json.dumps(rendition.to_dict()))) == rendition
    assert Rendition.from_json(json.loads(json.dumps(rendition.to_list()))) == rendition


@pytest.mark.parametrize(
    "values", [[], ["8"], ["8", 8], ["8", None, 8], [8, 8, 8], ["8", 8, 8, *[None] * 8], [[]]]
)
def test_an_invalid_rendition_is_refused(values):
    with pytest.raises(InvalidMessage):
        Rendition.from_json(values)


@pytest.mark.parametrize("name", ["", ".", "..", "a\nb", "a\rb", "n" * 1025, "ü" * 513])
def test_a_job_with_an_impossible_blob_is_refused(name):
    job = Job(id_of("originals", name, 7), "originals", name, 7, JOB.renditions)
    with pytest.raises(InvalidMessage, match="name"):
        Job.from_json(job.to_json())


def test_errors_of_a_message_are_one_short_line():
    name = "x\ny" * 200_000
    job = Job(id_of("originals", name, 7), "originals", name, 7, JOB.renditions)
    with pytest.raises(InvalidMessage) as told:
        Job.from_json(job.to_json())
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 300


def test_unknown_members_of_a_later_manifest_are_ignored():
    document = json.loads(Manifest("i", "incoming/i", 7, ORIGINAL, (THUMB,)).to_json())
    document["added"] = document["original"]["added"] = document["thumbnails"][0]["added"] = 1
    manifest = Manifest.from_json(json.dumps(document).encode())
    assert manifest == Manifest("i", "incoming/i", 7, ORIGINAL, (THUMB,))


def test_a_manifest_of_an_earlier_version_is_read():
    document = json.loads(Manifest("i", "i", 7, ORIGINAL, (THUMB,)).to_json())
    for name in ("name", "filename", "placeholder", "schema", "state"):
        del document[name]
    manifest = Manifest.from_json(json.dumps(document).encode())
    assert manifest == Manifest("i", "i", 7, ORIGINAL, (THUMB,))


DONE = Manifest("i", "incoming/i", 7, ORIGINAL, (THUMB,)).to_json()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"id":"i","generation":1}',
        b"[" * 3000,
        DONE.replace(b'"generation":7', b'"generation":1e999'),
        DONE.replace(b'"width":640', b'"width":"640"'),
        DONE.replace(b'"width":256', b'"width":null'),
        DONE.replace(b'"thumbnails":[', b'"thumbnails":[7,'),
        DONE.replace(b'"failure":null', b'"failure":{"code":5,"detail":""}'),
        DONE.replace(b'"failure":null', b'"failure":[1]'),
    ],
)
def test_an_invalid_manifest_is_refused(body):
    with pytest.raises(InvalidMessage):
        Manifest.from_json(body)


NOTIFICATION = {
    "eventType": "OBJECT_FINALIZE",
    "payloadFormat": "JSON_API_V1",
    "bucketId": "originals",
    "objectId": "incoming/cat.jpg",
    "objectGeneration": "7",
}


def test_a_notification_of_cloud_storage_is_an_arrival():
    arrival = Arrival.from_attributes(NOTIFICATION)
    assert arrival == Arrival("originals", "incoming/cat.jpg", 7)


def test_other_messages_are_not_arrivals():
    assert Arrival.from_attributes({"schema": "1"}) is None


@pytest.mark.parametrize(
    "change",
    [
        {"eventType": "OBJECT_DELETE"},
        {"objectGeneration": "seven"},
        {"objectGeneration": "१२"},
        {"objectGeneration": "+7"},
        {"objectGeneration": " 7"},
        {"objectGeneration": "1_0"},
        {"objectGeneration": "7.0"},
        {"objectGeneration": "0"},
        {"objectGeneration": "9" * 19},
        {"objectGeneration": "9" * 5000},
        {"objectId": "\ud800"},
        {"objectId": "a\nb"},
        {"objectId": ".."},
        {"objectId": "n" * 1025},
        {"objectGeneration": None},
        {"objectId": None},
        {"bucketId": None},
    ],
)
def test_a_notification_without_a_new_blob_is_refused(change):
    attributes = {name: text for name, text in (NOTIFICATION | change).items() if text}
    with pytest.raises(InvalidMessage, match="notification"):
        Arrival.from_attributes(attributes)


def test_an_upload_of_this_service_has_its_name_as_its_id():
    id = new_id()
    assert id_of("originals", id, 1) == id_of("originals", f"incoming/announced/{id}", 2) == id


def test_every_write_of_another_program_is_a_new_upload():
    # printf 'originals/incoming/cat.jpg#7' | sha256sum | cut -c-32
    assert id_of("originals", "incoming/cat.jpg", 7) == "21d4f6c81b024a8e1df4c1afbcd94267"
    assert id_of("originals", "incoming/cat.jpg", 8) != id_of("originals", "incoming/cat.jpg", 7)


def test_ids_are_unique_and_do_not_end_in_a_letter_reserved_by_cloud_run():
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(is_id(id) and not id.endswith("z") for id in ids)


@pytest.mark.parametrize(
    "text", ["", "health", "a" * 31, "A" * 32, "../" + "a" * 29, "a" * 32 + "\n"]
)
def test_other_text_is_not_an_id(text):
    assert not is_id(text)
