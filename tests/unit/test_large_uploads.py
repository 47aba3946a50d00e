"""Uploads that go past the function `upload`, to Cloud Storage itself."""

import pytest

from quickthumb.messaging import Message
from quickthumb.resize import resize
from tests.doubles import MemoryKitchen, MemoryTopic, left_in
from tests.pictures import picture
from tests.service import Service, expect_problem


@pytest.fixture
def service():
    return Service(max_original_bytes=200_000)


def announce(service, data, headers=None, **members):
    answer = service.http.post("/uploads", json={"size": len(data), **members}, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer


def finalise(service, url, data):
    """Send the bytes, and have `resize` take what Cloud Storage tells of that."""
    name = service.originals.begun[url][0]
    attributes = {
        "eventType": "OBJECT_FINALIZE",
        "bucketId": service.originals.name,
        "objectId": name,
        "objectGeneration": str(service.originals.send(url, data)),
    }
    message = Message(b"", attributes, "1", 1)
    return lambda: resize(message, service.store, MemoryTopic(), service.settings, MemoryKitchen())


def test_an_announced_upload_is_told_where_to_go_and_where_its_thumbnails_will_be(service):
    answer = announce(service, picture(), options={"sizes": [16, 32]})
    document = answer.json()
    id = document["id"]
    [url] = service.originals.begun
    assert document == {
        "id": id,
        "upload": {"method": "PUT", "url": url},
        "links": {
            "self": f"/{id}",
            "thumbnails": {"16": f"/{id}/16", "32": f"/{id}/32"},
        },
    }
    assert answer.headers["location"] == f"/{id}"
    assert answer.headers["cache-control"] == "no-store"
    assert not service.uploads.messages


def test_options_may_stand_in_the_query_as_those_of_other_uploads_do(service):
    answer = service.http.post("/uploads?sizes=16,32&fit=cover", json={"size": 5})
    assert list(answer.json()["links"]["thumbnails"]) == ["16", "32"]
    twice = service.http.post("/uploads?fit=cover", json={"size": 5, "options": {"fit": "cover"}})
    assert "given twice" in expect_problem(twice, 400, "invalid-option")["detail"]


def test_cloud_storage_is_told_all_that_was_announced(service):
    data = picture()
    document = announce(
        service,
        data,
        {"Origin": "https://app.example.org"},
        filename="Kätzchen.jpg",
        content_type="image/jpeg",
    ).json()
    [(name, size, content_type, metadata, origin)] = service.originals.begun.values()
    assert name == f"incoming/announced/{document['id']}"
    assert (size, content_type) == (len(data), "image/jpeg")
    assert metadata["filename"] == "Kätzchen.jpg"
    assert origin == "https://app.example.org"


def test_the_upload_is_unknown_then_queued_then_done(service):
    data = picture(64, 48)
    document = announce(service, data, options={"sizes": [16]}).json()
    link = document["links"]["self"]
    problem = expect_problem(service.http.get(link), 404, "not-found")
    assert "has not arrived completely" in problem["detail"]
    work = finalise(service, document["upload"]["url"], data)
    assert service.http.get(link).json() == {
        "id": document["id"],
        "status": "queued",
        "links": document["links"],
    }
    work()
    status = service.http.get(link).json()
    assert status["status"] == "done"
    assert status["original"]["bytes"] == len(data)
    assert service.http.get(document["links"]["thumbnails"]["16"]).status_code == 200


def test_an_announced_file_that_is_not_a_picture_fails(service):
    document = announce(service, b"hello").json()
    finalise(service, document["upload"]["url"], b"hello")()
    status = service.http.get(document["links"]["self"]).json()
    assert (status["status"], status["error"]["code"]) == ("failed", "not-a-picture")


@pytest.mark.parametrize("ended", [True, False])
def test_a_large_upload_is_deleted_like_any_other(service, ended):
    data = picture()
    document = announce(service, data).json()
    work = finalise(service, document["upload"]["url"], data)
    if ended:
        work()
    assert service.http.delete(document["links"]["self"]).status_code == 204
    assert not service.originals.blobs
    assert not left_in(service.processed)
    assert service.http.get(document["links"]["self"]).status_code == 404


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"content": b"\xff\xd8\xff"}, 400, "bad-request"),
        ({"json": {}}, 400, "invalid-option"),
        ({"json": {"size": 5, "options": {"fit": "crop"}}}, 400, "invalid-option"),
        ({"json": {"size": 5, "options": {"sizes": [9999]}}}, 400, "invalid-option"),
        ({"json": {"size": 200_001}}, 413, "too-large"),
        ({"content": b" " * 70_000}, 413, "too-large"),
    ],
)
def test_a_refused_announcement_starts_no_upload(service, request_, status, code):
    problem = expect_problem(service.http.post("/uploads", **request_), status, code)
    assert len(problem["detail"]) > 20
    assert not service.originals.begun


def test_while_storage_does_not_answer_the_client_is_told_to_come_back(service):
    service.originals.broken = True
    answer = service.http.post("/uploads", json={"size": 5})
    expect_problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"]


def test_the_description_says_how_large_uploads_may_be(service):
    document = service.http.get("/", headers={"Accept": "application/json"}).json()
    assert document["max_original_bytes"] == 200_000
    assert document["links"]["uploads"] == "/uploads"
