"""Thumbnails over HTTP: validators, ranges, HEAD and names to save them under."""

import pytest

from quickthumb.documents.names import id_of
from tests.pictures import picture
from tests.service import Service, expect_problem


@pytest.fixture
def service():
    return Service()


@pytest.fixture
def path(service):
    return f"/{service.done(params={'sizes': '16'})}/16"


@pytest.fixture
def whole(service, path):
    return service.http.get(path)


def test_head_has_the_headers_of_get_and_reads_no_picture(service, path, whole):
    service.store.results.thumbnail = None
    head = service.http.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert dict(head.headers) == dict(whole.headers)
    assert int(head.headers["content-length"]) == len(whole.content)


def test_head_of_a_thumbnail_that_the_client_has_is_304(service, path, whole):
    head = service.http.head(path, headers={"if-none-match": whole.headers["etag"]})
    assert head.status_code == 304


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=10-", 10, None),
        ("bytes=-10", -10, None),
        ("bytes=0-999999999", 0, None),
        ("bytes=-999999999", 0, None),
        ("Bytes=0-0", 0, 1),
    ],
)
def test_a_part_is_answered_with_206(service, path, whole, header, start, stop):
    answer = service.http.get(path, headers={"range": header})
    assert answer.status_code == 206
    assert answer.content == whole.content[start:stop]
    size = len(whole.content)
    first, end, _ = slice(start, stop).indices(size)
    assert answer.headers["content-range"] == f"bytes {first}-{end - 1}/{size}"
    assert int(answer.headers["content-length"]) == len(answer.content)
    for name in ("etag", "cache-control", "content-type", "x-content-type-options"):
        assert answer.headers[name] == whole.headers[name]


@pytest.mark.parametrize("header", ["bytes=999999999-", "bytes=-0"])
def test_an_unsatisfiable_range_is_answered_with_416_and_the_size(service, path, whole, header):
    answer = service.http.get(path, headers={"range": header})
    expect_problem(answer, 416, "range-not-satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(whole.content)}"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "header",
    [
        *("bytes=5-2", "bytes=0-1,4-5", "lines=0-1", "bytes=-", "bytes", "", "bytes=a-b"),
        f"bytes={'9' * 5000}-",
    ],
)
def test_an_invalid_or_multiple_range_is_ignored(service, path, whole, header):
    answer = service.http.get(path, headers={"range": header})
    assert (answer.status_code, answer.content) == (200, whole.content)


def test_a_part_is_given_only_of_the_version_that_the_client_has(service, path, whole):
    def get(if_range):
        headers = {"range": "bytes=0-9", "if-range": if_range}
        return service.http.get(path, headers=headers).status_code

    etag = whole.headers["etag"]
    assert get(etag) == 206
    assert get('"other"') == 200
    assert get(f"W/{etag}") == 200  # parts are put together only by strong validators
    assert get("Wed, 21 Oct 2015 07:28:00 GMT") == 200


def test_head_ignores_a_range(service, path, whole):
    head = service.http.head(path, headers={"range": "bytes=0-9"})
    assert head.status_code == 200
    assert int(head.headers["content-length"]) == len(whole.content)


def test_if_none_match_takes_precedence_over_range(service, path, whole):
    headers = {"range": "bytes=0-9", "if-none-match": whole.headers["etag"]}
    assert service.http.get(path, headers=headers).status_code == 304


def test_a_thumbnail_is_named_only_on_request(service, path, whole):
    assert "content-disposition" not in whole.headers
    assert "content-disposition" not in service.http.get(f"{path}?download=0").headers


@pytest.mark.parametrize("value", ["2", "yes", ""])
def test_an_invalid_download_parameter_is_refused(service, path, value):
    problem = expect_problem(service.http.get(f"{path}?download={value}"), 400, "invalid-option")
    assert problem["field"] == "download"
    assert "0 or 1" in problem["detail"]


@pytest.mark.parametrize(
    ("filename", "saved"),
    [
        ("rocket.png", "rocket_16.jpg"),
        ("archive.tar.gz", "archive.tar_16.jpg"),
        ("no-extension", "no-extension_16.jpg"),
        (r"C:\Users\me\cat.png", "cat_16.jpg"),
        ("../../etc/passwd", "passwd_16.jpg"),
        (".hidden", ".hidden_16.jpg"),
    ],
)
def test_a_thumbnail_is_saved_under_the_name_of_its_original(service, filename, saved):
    id = service.done(filename=filename, params={"sizes": "16"})
    answer = service.http.get(f"/{id}/16?download=1")
    assert answer.headers["content-disposition"] == f'attachment; filename="{saved}"'
    assert answer.headers["etag"]


def test_a_picture_without_a_name_is_saved_under_a_plain_one(service):
    id = service.http.post("/?sizes=16", content=picture()).json()["id"]
    service.work()
    disposition = service.http.get(f"/{id}/16?download=1").headers["content-disposition"]
    assert disposition == 'attachment; filename="thumbnail_16.jpg"'


def test_a_picture_that_another_program_sent_is_saved_under_the_name_of_its_blob(service):
    generation = service.originals.create("incoming/2026/rocket.png", picture(), "image/png", {})
    arrival = {
        "eventType": "OBJECT_FINALIZE",
        "bucketId": "originals",
        "objectId": "incoming/2026/rocket.png",
        "objectGeneration": str(generation),
    }
    service.uploads.messages.append((b"", arrival))
    service.work()
    id = id_of("originals", "incoming/2026/rocket.png", generation)
    disposition = service.http.get(f"/{id}/256?download=1").headers["content-disposition"]
    assert disposition == 'attachment; filename="rocket_256.jpg"'
