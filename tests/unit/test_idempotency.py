"""`Idempotency-Key`: asked twice, done once."""

import asyncio
import hashlib
import logging
import threading
import time
from dataclasses import replace
from datetime import timedelta
from functools import partial

import httpx2
import pytest

from quickthumb.documents.job import Job
from tests.doubles import left_in
from tests.pictures import picture
from tests.service import Service, expect_problem

KEY = {"idempotency-key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


@pytest.fixture
def service():
    return Service(takeover_seconds=0)


def jobs(service):
    return [Job.from_json(body).id for body, _ in service.uploads.messages]


def test_a_retried_upload_gets_the_first_answer_and_does_nothing_more(service):
    first = service.post(headers=KEY)
    second = service.post(headers=KEY)
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json() == first.json()
    assert second.headers["location"] == first.headers["location"]
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert list(service.originals.blobs) == jobs(service) == [first.json()["id"]]


def test_a_raw_upload_can_be_retried_too(service):
    first, second = (
        service.http.post("/?sizes=16,32", content=picture(), headers=KEY).json() for _ in range(2)
    )
    assert first == second
    assert len(service.originals.blobs) == 1


def test_an_announced_upload_gets_the_first_session_again(service):
    announced = {"filename": "cat.tiff", "size": 100_000}
    first = service.http.post("/uploads", json=announced, headers=KEY)
    second = service.http.post("/uploads", json=announced, headers=KEY)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json()
    assert second.headers["location"] == first.headers["location"]
    other = service.http.post("/uploads", json=announced | {"size": 100_001}, headers=KEY)
    expect_problem(other, 422, "idempotency-key-reused")
    expect_problem(service.post(headers=KEY), 422, "idempotency-key-reused")


def test_without_a_key_every_upload_is_a_new_one(service):
    assert service.post().json()["id"] != service.post().json()["id"]
    assert not service.requests.blobs


def test_another_key_is_another_upload(service):
    service.post(headers=KEY)
    service.post(headers={"idempotency-key": "other"})
    assert len(service.originals.blobs) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"files": {"file": ("cat.jpg", picture(65, 48))}},
        {"files": {"file": ("dog.jpg", picture())}},
        {"files": [("file", ("cat.jpg", picture()))] * 2},
        {"files": {"file": ("cat.jpg", picture())}, "params": {"sizes": "16"}},
        {"files": {"file": ("cat.jpg", picture())}, "data": {"fit": "cover"}},
        {"files": {"file": ("cat.jpg", b"hello")}},
        {"content": picture()},
    ],
)
def test_another_request_under_the_same_key_is_refused(service, other):
    id = service.post(headers=KEY).json()["id"]
    problem = expect_problem(
        service.http.post("/", headers=KEY, **other), 422, "idempotency-key-reused"
    )
    assert problem["field"] == "Idempotency-Key"
    assert list(service.originals.blobs) == jobs(service) == [id]


def test_the_same_options_in_another_order_are_the_same_request(service):
    first = service.post(params={"sizes": "16", "fit": "cover"}, headers=KEY)
    second = service.post(params={"fit": "cover", "sizes": "16"}, headers=KEY)
    assert first.json() == second.json()


@pytest.mark.parametrize("keys", [[""], ["k" * 256], ["one", "two"]])
def test_an_invalid_key_is_refused(service, keys):
    headers = [("idempotency-key", key) for key in keys]
    problem = expect_problem(service.post(headers=headers), 400, "invalid-idempotency-key")
    assert problem["field"] == "Idempotency-Key"
    assert not service.originals.blobs


@pytest.mark.parametrize("key", ["k" * 255, "Schlüssel".encode(), '"quoted"', "a/../b"])
def test_any_other_key_will_do(service, key):
    headers = {"idempotency-key": key}
    assert service.post(headers=headers).json() == service.post(headers=headers).json()
    assert all(name.split("/")[0].isalnum() for name in service.requests.blobs)


def test_a_refusal_is_an_answer_too(service):
    send = partial(service.http.post, "/", files={"file": ("a.jpg", b"hello")}, headers=KEY)
    first, second = send(), send()
    assert expect_problem(first, 415, "not-a-picture") == expect_problem(
        second, 415, "not-a-picture"
    )
    assert second.headers["idempotent-replayed"] == "true"


def test_a_request_that_is_refused_early_does_not_use_up_the_key(service):
    expect_problem(service.post(data={"fit": "crop"}, headers=KEY), 400, "invalid-option")
    assert service.post(data={"fit": "cover"}, headers=KEY).status_code == 202


def test_several_files_get_the_same_verdicts_again(service):
    files = [("file", ("a.jpg", picture())), ("file", ("b", b"hello")), ("file", ("c", picture()))]
    first = service.http.post("/", files=files, headers=KEY)
    second = service.http.post("/", files=files, headers=KEY)
    assert first.status_code == second.status_code == 202
    assert first.json() == second.json()
    assert [verdict["status"] for verdict in first.json()["uploads"]] == ["queued", 415, "queued"]
    assert len(service.originals.blobs) == len(service.uploads.messages) == 2


def test_a_retry_after_503_is_done_under_the_same_id(service):
    service.uploads.broken = True
    answer = service.post(headers=KEY)
    expect_problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"]
    [id] = service.originals.blobs
    service.uploads.broken = False
    assert service.post(headers=KEY).json()["id"] == id
    assert list(service.originals.blobs) == jobs(service) == [id]


def test_a_retry_does_what_was_left_of_several_files(service):
    publish, refused = service.uploads.publish, []

    def refuse_once(data, **attributes):
        if not refused:
            refused.append(Job.from_json(data).id)
            service.uploads.broken = True
        try:
            publish(data, **attributes)
        finally:
            service.uploads.broken = False

    service.uploads.publish = refuse_once
    files = [("file", (name, picture())) for name in "abc"]
    send = partial(service.http.post, "/", files=files, headers=KEY)
    first, second, third = send().json(), send().json(), send().json()
    assert sorted(str(verdict["status"]) for verdict in first["uploads"]) == [
        *("503", "queued", "queued")
    ]
    assert [verdict["status"] for verdict in second["uploads"]] == ["queued"] * 3
    assert third == second
    assert len(service.originals.blobs) == 3
    assert set(refused) < set(service.originals.blobs) == set(jobs(service))


def test_nothing_is_done_if_the_request_cannot_be_recorded(service):
    service.requests.broken = True
    expect_problem(service.post(headers=KEY), 503, "unavailable")
    assert not service.originals.blobs
    assert service.post().status_code == 202  # nothing is to be remembered of it


def test_a_response_is_sent_even_if_it_cannot_be_recorded(service):
    publish = service.uploads.publish

    def publish_and_break(data, **attributes):
        publish(data, **attributes)
        service.requests.broken = True

    service.uploads.publish = publish_and_break
    first = service.post(headers=KEY)
    assert first.status_code == 202
    service.requests.broken = False
    assert service.post(headers=KEY).json() == first.json()
    assert len(service.originals.blobs) == 1


def test_each_holder_of_an_api_key_has_keys_of_their_own():
    hashes = [hashlib.sha256(key).hexdigest() for key in (b"one", b"two")]
    service = Service(api_keys=tuple(hashes))
    first = service.post(headers=KEY | {"x-api-key": "one"}).json()
    assert service.post(headers=KEY | {"x-api-key": "two"}).json()["id"] != first["id"]
    assert service.post(headers=KEY | {"authorization": "Bearer one"}).json() == first


def test_the_key_itself_is_kept_nowhere(service, caplog):
    caplog.set_level(logging.DEBUG)
    service.post(headers=KEY)
    service.post(headers=KEY)
    kept = [name.encode() + data for name, (_, data) in service.requests.blobs.items()]
    assert not any(KEY["idempotency-key"].encode() in blob for blob in kept)
    assert KEY["idempotency-key"] not in caplog.text


class Died(BaseException):
    """The process is gone: nothing that follows happens, no `except` either."""


STEPS = [("requests", "create", 1), ("originals", "create", 1), ("uploads", "publish", 1)]
STEPS += [("requests", "create", 2)]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("part", "call", "time"), STEPS, ids=["claim", "keep", "publish", "answer"]
)
def test_wherever_the_first_attempt_dies_the_second_one_finishes_it(
    service, part, call, time, when
):
    door = getattr(service, part)
    step, calls = getattr(door, call), []

    def die(*arguments, **attributes):
        calls.append(arguments)
        if len(calls) == time and when == "before":
            raise Died
        done = step(*arguments, **attributes)
        if len(calls) == time and when == "after":
            raise Died
        return done

    setattr(door, call, die)
    with pytest.raises(Died):
        at_once(service, {"files": {"file": ("cat.jpg", picture())}, "headers": KEY})
    started = list(service.originals.blobs)

    second = service.post(headers=KEY)
    assert second.status_code == 202
    id = second.json()["id"]
    assert started in ([], [id])
    assert list(service.originals.blobs) == [id]
    assert set(jobs(service)) == {id}
    assert service.post(headers=KEY).json() == second.json()

    service.work()
    assert service.http.get(f"/{id}").json()["status"] == "done"
    assert {name.split("/")[0] for name in service.processed.blobs} == {id}


def at_once(service, *requests):
    """Send requests at once; each is the keyword arguments of a POST."""

    async def send():
        transport = httpx2.ASGITransport(service.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as http:
            return await asyncio.gather(*(http.post("/", **request) for request in requests))

    return asyncio.run(send())


def test_fifty_at_once_are_one_job():
    service = Service(takeover_seconds=60)
    request = {"files": {"file": ("cat.jpg", picture())}, "headers": KEY}
    answers = at_once(service, *[request] * 50)
    assert {answer.status_code for answer in answers} == {202}
    ids = {answer.json()["id"] for answer in answers}
    assert len(ids) == 1
    assert set(service.originals.blobs) == ids == set(jobs(service))
    assert len(service.uploads.messages) == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 49


def test_two_different_requests_at_once_have_one_winner():
    service = Service(takeover_seconds=60)
    requests = [
        {"files": {"file": (name, picture())}, "headers": KEY} for name in ("cat.jpg", "dog.jpg")
    ]
    answers = at_once(service, *requests)
    assert sorted(answer.status_code for answer in answers) == [202, 422]
    assert len(service.originals.blobs) == len(service.uploads.messages) == 1


def overtake(service, then):
    """Hold the first attempt where it publishes, let the second one pass, then let it go on.

    Args:
        service: which does not wait for a first attempt.
        then: called before the first attempt goes on.
    """
    publish, is_there, may_go_on = service.uploads.publish, threading.Event(), threading.Event()

    def hold_the_first(data, **attributes):
        if not is_there.is_set():
            is_there.set()
            assert may_go_on.wait(30)
            then()
        publish(data, **attributes)

    service.uploads.publish = hold_the_first
    answers = []
    first = threading.Thread(target=lambda: answers.append(service.post(headers=KEY)))
    first.start()
    assert is_there.wait(30)
    second = service.post(headers=KEY)
    may_go_on.set()
    first.join()
    return answers[0], second


def test_a_first_attempt_that_was_believed_dead_and_goes_on_does_no_harm(service):
    first, second = overtake(service, then=lambda: None)
    assert first.json() == second.json()
    id = first.json()["id"]
    assert list(service.originals.blobs) == [id]
    assert set(jobs(service)) == {id}
    service.work()
    assert service.http.get(f"/{id}").json()["status"] == "done"


def test_a_first_attempt_that_fails_late_takes_nothing_from_the_second(service):
    first, second = overtake(service, then=lambda: setattr(service.uploads, "broken", True))
    expect_problem(first, 503, "unavailable")
    service.work()
    assert service.http.get(f"/{second.json()['id']}").json()["status"] == "done"


def test_an_answer_that_outlives_its_claim_is_not_given_to_a_new_one(service):
    first = service.post(headers=KEY).json()
    [claim] = [name for name in service.requests.blobs if name.endswith("/claim")]
    service.requests.delete(claim)  # as the bucket does after a day
    second = service.post("dog.jpg", headers=KEY)
    assert second.status_code == 202
    assert "idempotent-replayed" not in second.headers
    assert second.json()["id"] != first["id"]
    assert service.post("dog.jpg", headers=KEY).json() == second.json()


def hold_the_first_write(service, then):
    """Hold the first attempt before it stores the picture, until the second has been accepted.

    Args:
        service: which does not wait for a first attempt.
        then: called with the id before the first attempt goes on.
    """
    create, is_there, may_go_on = service.originals.create, threading.Event(), threading.Event()

    def hold(*arguments):
        if not is_there.is_set():
            is_there.set()
            assert may_go_on.wait(30)
        return create(*arguments)

    service.originals.create = hold
    answers = []
    first = threading.Thread(target=lambda: answers.append(service.post(headers=KEY)))
    first.start()
    assert is_there.wait(30)
    id = service.post(headers=KEY).json()["id"]
    then(id)
    may_go_on.set()
    first.join()
    return id, answers[0]


@pytest.mark.parametrize("ended", [True, False])
def test_a_first_attempt_that_goes_on_after_the_deletion_brings_nothing_back(service, ended):
    def delete(id):
        if ended:
            service.work()
        assert service.http.delete(f"/{id}").status_code == 204

    id, answer = hold_the_first_write(service, delete)
    assert "was deleted" in expect_problem(answer, 422, "idempotency-key-reused")["detail"]
    service.work()
    assert service.http.get(f"/{id}").status_code == 404
    assert not service.originals.blobs
    assert not left_in(service.processed)


def test_an_attempt_that_stood_still_for_long_stores_nothing(service, monkeypatch):
    def much_later(_):
        monkeypatch.setattr(time, "time", lambda: now() + 2 * 60 * 60)

    now, claim = time.time, service.requests.create

    def claim_slowly(*arguments):
        generation = claim(*arguments)
        much_later(generation)
        return generation

    service.requests.create = claim_slowly
    expect_problem(service.post(headers=KEY), 503, "unavailable")
    announced = {"filename": "cat.tiff", "size": 100_000}
    monkeypatch.setattr(time, "time", now)
    headers = {"idempotency-key": "other"}
    expect_problem(
        service.http.post("/uploads", json=announced, headers=headers), 503, "unavailable"
    )
    assert not service.originals.blobs
    assert not service.originals.begun


def test_a_takeover_of_an_old_claim_is_refused(service):
    service.uploads.broken = True
    expect_problem(service.post(headers=KEY), 503, "unavailable")
    service.uploads.broken = False
    [(name, (blob, data))] = service.requests.blobs.items()
    service.requests.blobs[name] = (replace(blob, updated=blob.updated - timedelta(hours=13)), data)
    expect_problem(service.post(headers=KEY), 422, "idempotency-key-reused")
    assert not service.uploads.messages


def test_an_announced_upload_that_was_deleted_is_not_announced_again(service):
    announced = {"filename": "cat.tiff", "size": 866}
    first = service.http.post("/uploads", json=announced, headers=KEY).json()
    [answer] = [name for name in service.requests.blobs if name.endswith("/answer")]
    service.requests.delete(answer)  # as if it had died before
    [url] = service.originals.begun
    service.originals.send(url, b"x" * 866)
    assert service.http.delete(first["links"]["self"]).status_code == 204
    again = service.http.post("/uploads", json=announced, headers=KEY)
    expect_problem(again, 422, "idempotency-key-reused")
    assert len(service.originals.begun) == 1
