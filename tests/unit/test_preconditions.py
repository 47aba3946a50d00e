"""Preconditions, in the order of RFC 9110, section 13.2.2."""

import pytest

from tests.pictures import picture
from tests.service import Service, expect_problem

UNKNOWN = "0" * 32


@pytest.fixture
def service():
    return Service()


@pytest.fixture
def thumbnail(service):
    return f"/{service.done(params={'sizes': '16'})}/16"


def test_a_thumbnail_is_sent_if_its_tag_is_the_expected_one(service, thumbnail):
    etag = service.http.get(thumbnail).headers["etag"]
    for tags in (etag, f'"other", {etag}', "*"):
        assert service.http.get(thumbnail, headers={"if-match": tags}).status_code == 200
    lines = [("if-match", '"other"'), ("if-match", etag)]
    assert service.http.get(thumbnail, headers=lines).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_thumbnail_with_another_tag_than_the_expected_one_is_not_sent(service, thumbnail, method):
    etag = service.http.get(thumbnail).headers["etag"]
    for tags in ('"other"', f"W/{etag}", etag[1:-1], f'"x,{etag[1:-1]}"', ""):
        answer = service.http.request(method, thumbnail, headers={"if-match": tags})
        assert answer.status_code == 412, tags
        assert answer.headers["cache-control"] == "no-store"
    problem = expect_problem(
        service.http.get(thumbnail, headers={"if-match": '"other"'}), 412, "precondition-failed"
    )
    assert problem["field"] == "If-Match"
    assert etag in problem["detail"]


def test_if_match_comes_before_if_none_match_and_range(service, thumbnail):
    etag = service.http.get(thumbnail).headers["etag"]
    for header, text in (("if-none-match", etag), ("range", "bytes=0-1")):
        answer = service.http.get(thumbnail, headers={"if-match": '"other"', header: text})
        expect_problem(answer, 412, "precondition-failed")
    both = {"if-match": etag, "if-none-match": etag}
    assert service.http.get(thumbnail, headers=both).status_code == 304


def test_dates_are_ignored_where_nothing_has_one(service, thumbnail):
    old = "Thu, 01 Jan 1970 00:00:00 GMT"
    headers = {"if-unmodified-since": old, "if-modified-since": old}
    assert service.http.get(thumbnail, headers=headers).status_code == 200
    assert service.http.delete(thumbnail.rpartition("/")[0], headers=headers).status_code == 204


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/health", "/web/page.css"])
def test_pages_have_no_tag_that_if_match_could_name(service, path):
    etag = service.http.get(path).headers.get("etag", '"x"')
    assert service.http.get(path, headers={"if-match": "*"}).status_code == 200
    for tags in (etag, '"other"'):
        answer = service.http.get(path, headers={"if-match": tags})
        expect_problem(answer, 412, "precondition-failed")


def test_a_precondition_of_something_that_is_not_there_does_not_count(service):
    for path in ("/nothing/here/at/all", f"/{UNKNOWN}", f"/{UNKNOWN}/256"):
        assert service.http.get(path, headers={"if-match": '"x"'}).status_code == 404
    assert service.http.delete(f"/{UNKNOWN}", headers={"if-match": '"x"'}).status_code == 404
    assert service.http.delete("/x", headers={"if-match": "*"}).status_code == 404


@pytest.mark.parametrize(
    ("header", "text"), [("If-Match", '"other"'), ("If-Match", ""), ("If-None-Match", "*")]
)
def test_an_upload_is_not_deleted_against_a_precondition(service, header, text):
    id = service.done()
    answer = service.http.delete(f"/{id}", headers={header: text})
    assert expect_problem(answer, 412, "precondition-failed")["field"] == header
    assert service.http.get(f"/{id}").json()["status"] == "done"


@pytest.mark.parametrize(
    "headers",
    [{"if-match": "*"}, {"if-none-match": '"other"'}, {"if-match": "*", "if-none-match": "*"}],
)
def test_an_upload_is_deleted_if_its_preconditions_are_met(service, headers):
    id = service.done()
    assert service.http.delete(f"/{id}", headers=headers).status_code == 204
    assert service.http.get(f"/{id}").status_code == 404


def test_a_thumbnail_can_be_shown_by_pages_that_are_isolated(service, thumbnail):
    etag = service.http.get(thumbnail).headers["etag"]
    for headers in ({}, {"range": "bytes=0-1"}, {"if-none-match": etag}):
        answer = service.http.get(thumbnail, headers=headers)
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert answer.headers["timing-allow-origin"] == "*"
    assert "timing-allow-origin" not in service.http.get("/").headers


@pytest.mark.parametrize("encoding", ["gzip", "identity, gzip", "BR"])
@pytest.mark.parametrize("path", ["/", "/uploads"])
def test_a_compressed_body_is_refused_whatever_it_contains(service, path, encoding):
    answer = service.http.post(path, content=picture(), headers={"content-encoding": encoding})
    problem = expect_problem(answer, 415, "unsupported-encoding")
    assert problem["field"] == "Content-Encoding"
    assert answer.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("encoding", ["identity", "Identity", ""])
def test_a_body_may_say_that_it_is_not_compressed(service, encoding):
    headers = {"content-encoding": encoding}
    assert service.http.post("/", content=picture(), headers=headers).status_code == 202
    assert service.http.post("/uploads", json={"size": 5}, headers=headers).status_code == 201
