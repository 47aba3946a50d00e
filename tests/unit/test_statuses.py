"""GET /uploads: the statuses of several uploads in one request."""

import pytest

from tests.service import Service, expect_problem

UNKNOWN = "f" * 32


@pytest.fixture
def service():
    return Service()


def ask(service, *ids, wait=0):
    answer = service.http.get("/uploads", params={"ids": ",".join(ids), "wait": wait})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()["uploads"]


def test_every_upload_has_the_status_that_it_has_alone_in_the_order_asked_for(service):
    done = service.done()
    queued = service.post().json()["id"]
    listed = ask(service, queued, UNKNOWN, done)
    alone = [service.http.get(f"/{id}").json() for id in (queued, UNKNOWN, done)]
    assert listed == [alone[0], {"id": UNKNOWN, **alone[1]}, alone[2]]
    assert [each["status"] for each in listed] == ["queued", 404, "done"]


def test_an_upload_named_twice_is_told_once(service):
    queued = service.post().json()["id"]
    assert [each["id"] for each in ask(service, queued, queued)] == [queued]


def test_waiting_ends_when_the_time_is_over(service):
    ids = [service.post().json()["id"] for _ in range(3)]
    assert [each["status"] for each in ask(service, *ids, wait=0.1)] == ["queued"] * 3


def test_waiting_ends_when_one_job_does_although_another_has_not(service):
    first, second = (service.post().json()["id"] for _ in range(2))
    service.uploads.messages.pop(0)
    look = service.originals.stat

    def work_at_the_second_look(name):
        service.originals.stat = lambda name: (service.work(), look(name))[1]
        return look(name)

    service.originals.stat = work_at_the_second_look
    assert [each["status"] for each in ask(service, first, second, wait=30)] == ["queued", "done"]


def test_waiting_does_not_begin_if_an_upload_does_not_exist(service):
    queued = service.post().json()["id"]
    assert [each["status"] for each in ask(service, queued, UNKNOWN, wait=30)] == ["queued", 404]


@pytest.mark.parametrize("ids", ["", "x", f"{UNKNOWN},", f"{UNKNOWN}, {UNKNOWN}", "F" * 32])
def test_what_is_not_an_id_is_refused(service, ids):
    answer = service.http.get("/uploads", params={"ids": ids})
    assert expect_problem(answer, 400, "invalid-option")["field"] == "ids"


def test_too_many_ids_are_refused(service):
    ids = [f"{number:032x}" for number in range(21)]
    assert len(ask(service, *ids[:20])) == 20
    answer = service.http.get("/uploads", params={"ids": ",".join(ids)})
    assert "21 ids: expected 1 to 20 ids" in expect_problem(answer, 400, "invalid-option")["detail"]


def test_a_request_without_ids_is_refused(service):
    assert expect_problem(service.http.get("/uploads"), 400, "invalid-option")["field"] == "ids"
