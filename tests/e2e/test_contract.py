"""The HTTP contract, line by line, through real processes, held to the OpenAPI document."""

import gzip
import http.client
import json
import shutil
import socket
import subprocess
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import requests

from quickthumb.imaging.formats import FORMAT_OPTIONS, listed
from tests.openapi import Contract
from tests.pictures import ROCKET, picture, size_of
from tests.settings import settings_with

ROCKET_PNG = picture(400, 300, format="PNG")
# What the document says does not depend on the names of buckets and topics.
CONTRACT = Contract(settings_with())


class Service(requests.Session):
    """A session with the service that holds every answer to the contract."""

    def __init__(self, url):
        super().__init__()
        self.url = url

    def request(self, method, path, **arguments):
        answer = super().request(method, self.url + path, timeout=60, **arguments)
        CONTRACT.check(answer.request.method, urlsplit(answer.request.url).path, answer)
        return answer

    def done(self, path=ROCKET, **options):
        """Return the id of an upload that has its thumbnails."""
        files = {"file": (path.name, path.read_bytes())}
        id = self.post("/", files=files, data=options).json()["id"]
        assert self.get(f"/{id}?wait=30").json()["status"] == "done"
        return id


@pytest.fixture
def service(url):
    with Service(url) as service:
        yield service


@pytest.fixture
def originals(cloud):
    """Give a function that names what lies in the bucket of originals."""
    bucket = f"{cloud.addresses.storage}/storage/v1/b/quickthumb-originals/o"

    def names():
        blobs = requests.get(bucket, params={"maxResults": 5000}, timeout=20).json()
        return {blob["name"] for blob in blobs.get("items", [])}

    return names


def expect_problem(answer, status, code):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    return answer.json()


def curl(*arguments):
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    command = ["curl", "--silent", "--show-error", "--fail-with-body", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr + result.stdout
    return json.loads(result.stdout)


def test_curl_gets_three_verdicts_on_three_files(url, tmp_path):
    (tmp_path / "a.jpg").write_bytes(ROCKET.read_bytes())
    (tmp_path / "b.png").write_bytes(ROCKET_PNG)
    (tmp_path / "c.txt").write_text("hello")
    files = [f"-Ffile=@{tmp_path / name}" for name in ("a.jpg", "b.png", "c.txt")]
    a, b, c = curl(*files, url)["uploads"]
    assert (a["filename"], a["status"]) == ("a.jpg", "queued")
    assert (b["filename"], b["status"]) == ("b.png", "queued")
    assert (c["filename"], c["status"], c["code"]) == ("c.txt", 415, "not-a-picture")
    for verdict in (a, b):
        answer = requests.get(f"{url}/{verdict['id']}/256?wait=30", timeout=60)
        assert max(size_of(answer.content)) == 256


def test_curl_sends_a_picture_as_the_body(url):
    document = curl(
        *("--data-binary", f"@{ROCKET}", "-H", "Content-Type: image/jpeg"),
        f"{url}/?sizes=64,512",
    )
    assert list(document["links"]["thumbnails"]) == ["64", "512"]
    for size in (64, 512):
        answer = requests.get(f"{url}/{document['id']}/{size}?wait=30", timeout=60)
        assert max(size_of(answer.content)) == size


def test_an_upload_goes_from_its_receipt_to_nothing(service):
    files = {"file": ("rocket.jpg", ROCKET.read_bytes())}
    receipt = service.post("/", files=files, data={"sizes": "64,128"})
    assert receipt.status_code == 202
    id = receipt.json()["id"]
    assert receipt.headers["location"] == receipt.json()["links"]["self"] == f"/{id}"
    status = service.get(f"/{id}?wait=30").json()
    assert status["status"] == "done"
    assert list(status["thumbnails"]) == ["64", "128"]
    for thumbnail in status["thumbnails"].values():
        answer = service.get(thumbnail["href"])
        assert answer.headers["content-type"] == thumbnail["content_type"] == "image/jpeg"
        assert size_of(answer.content) == (thumbnail["width"], thumbnail["height"])
        assert len(answer.content) == thumbnail["bytes"]
    assert service.delete(f"/{id}").status_code == 204
    for path in (f"/{id}", f"/{id}/64", f"/{id}/64?wait=1"):
        expect_problem(service.get(path), 404, "not-found")
    expect_problem(service.delete(f"/{id}"), 404, "not-found")


def test_what_is_not_as_a_client_expects_stays_as_it_is(service):
    id = service.done()
    stale = {"If-Match": '"of yesterday"'}
    for answer in (
        service.get(f"/{id}", headers=stale),
        service.get(f"/{id}/256", headers=stale),
        service.delete(f"/{id}", headers=stale),
    ):
        expect_problem(answer, 412, "precondition-failed")
    thumbnail = service.get(f"/{id}/256")
    assert thumbnail.headers["cross-origin-resource-policy"] == "cross-origin"
    assert thumbnail.headers["timing-allow-origin"] == "*"
    assert service.delete(f"/{id}", headers={"If-Match": "*"}).status_code == 204


def test_compressed_json_is_refused(service):
    body = gzip.compress(json.dumps({"size": 10}).encode())
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    answer = service.post("/uploads", data=body, headers=headers)
    expect_problem(answer, 415, "unsupported-encoding")


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ('filename="a%22b.jpg"', 'attachment; filename="a_b_256.jpg"'),  # as browsers write a"b.jpg
        (
            "filename=x.jpg; filename*=utf-8''K%C3%A4tzchen.jpg",
            "filename*=UTF-8''K%C3%A4tzchen_256.jpg",
        ),
    ],
)
def test_a_form_may_have_a_preamble_and_names_as_browsers_and_dotnet_write_them(
    service, said, name
):
    head = f"for old programs\r\n--b\r\nContent-Disposition: form-data; name=file; {said}\r\n\r\n"
    body = head.encode() + ROCKET.read_bytes() + b"\r\n--b--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=b"}
    id = service.post("/", data=body, headers=headers).json()["id"]
    saved = service.get(f"/{id}/256?wait=30&download=1").headers["content-disposition"]
    assert saved.endswith(name)


@pytest.mark.parametrize(
    ("options", "allowed"),
    [
        ({"sizes": "big"}, "whole numbers of pixels"),
        ({"sizes": "5000"}, "from 1 to 4096"),
        ({"sizes": "1,2,3,4,5,6,7,8,9"}, "at most 8"),
        ({"fit": "crop"}, "contain or cover"),
        ({"gravity": "north"}, "center, smart or face"),
        ({"focus": "0.5"}, "shares of width and height"),
        ({"format": "bmp"}, listed(FORMAT_OPTIONS)),
        ({"quality": "101"}, "from 1 to 100"),
        ({"background": "white"}, "six hexadecimal digits"),
        ({"max_bytes": "1"}, "from 1000 to 100000000"),
        ({"qualtiy": "80"}, "quality"),
    ],
)
@pytest.mark.parametrize("place", ["params", "data"])
def test_a_wrong_option_is_refused_with_its_name_and_what_is_allowed(
    service, options, allowed, place
):
    files = {"file": ("rocket.jpg", ROCKET.read_bytes())}
    answer = service.post("/", files=files, **{place: options})
    problem = expect_problem(answer, 400, "invalid-option")
    assert problem["field"] == next(iter(options))
    assert allowed in problem["detail"]


def test_what_is_no_option_is_metadata_in_a_form_and_an_unknown_option_in_a_query(service):
    files, given = {"file": ("rocket.jpg", ROCKET.read_bytes())}, {"colour": "red"}
    assert service.post("/", files=files, data=given).json()["metadata"] == given
    answer = service.post("/", files=files, params=given)
    assert "sizes, fit, gravity" in expect_problem(answer, 400, "invalid-option")["detail"]


def test_head_is_answered_wherever_get_is_with_the_same_headers_and_no_body(service, url):
    id = service.done()
    address = urlsplit(url).netloc
    connection = http.client.HTTPConnection(address, timeout=30)
    for path in ("/", "/health", "/docs", "/openapi.json", f"/{id}", f"/{id}/256", "/nothing"):
        connection.request("HEAD", path)
        head = connection.getresponse()
        assert head.read() == b""
        # A stray body would be taken for the beginning of this answer.
        connection.request("GET", path)
        get = connection.getresponse()
        size = len(get.read())
        assert head.status == get.status
        names = ("content-length", "content-type", "etag", "cache-control", "vary")
        for name in (*names, "x-content-type-options"):
            assert head.headers[name] == get.headers[name], (path, name)
        assert int(head.headers["content-length"]) == size
    connection.close()


def test_a_thumbnail_is_kept_by_caches_and_asked_for_again_by_its_tag(service):
    path = f"/{service.done()}/256"
    first = service.get(path)
    assert first.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert first.headers["x-content-type-options"] == "nosniff"
    again = service.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert service.get(path, headers={"if-none-match": '"other"'}).status_code == 200


def test_a_thumbnail_is_put_together_from_its_parts(service):
    path = f"/{service.done()}/256"
    whole = service.get(path)
    half = len(whole.content) // 2
    tag = {"if-range": whole.headers["etag"]}
    first = service.get(path, headers=tag | {"range": f"bytes=0-{half - 1}"})
    rest = service.get(path, headers=tag | {"range": f"bytes={half}-"})
    assert (first.status_code, rest.status_code) == (206, 206)
    assert first.content + rest.content == whole.content
    beyond = service.get(path, headers={"range": f"bytes={len(whole.content)}-"})
    expect_problem(beyond, 416, "range-not-satisfiable")
    assert beyond.headers["content-range"] == f"bytes */{len(whole.content)}"


def test_a_thumbnail_is_saved_under_the_name_of_its_original(service, tmp_path):
    path = f"/{service.done()}/256?download=1"
    assert service.get(path).headers["content-disposition"] == (
        'attachment; filename="rocket_256.jpg"'
    )
    named = tmp_path / "Kätzchen 猫.jpg"
    named.write_bytes(ROCKET.read_bytes())
    path = f"/{service.done(named)}/256?download=1"
    assert service.get(path).headers["content-disposition"] == (
        'attachment; filename="Katzchen _256.jpg"; '
        "filename*=UTF-8''K%C3%A4tzchen%20%E7%8C%AB_256.jpg"
    )


@pytest.mark.parametrize(
    ("request_", "status", "code", "word"),
    [
        ({"headers": {"content-encoding": "gzip"}}, 415, "unsupported-encoding", "gzip"),
        ({"headers": {"content-type": "multipart/form-data"}}, 400, "bad-request", "boundary"),
        ({"headers": {"content-type": "multipart/form-data; boundary="}}, 400, "bad-request", ""),
        ({"headers": {"content-type": "multipart/form-data; boundary=x"}}, 400, "bad-request", ""),
        ({"headers": {"idempotency-key": "k" * 256}}, 400, "invalid-idempotency-key", "255"),
        ({"params": b"%ff=%fe"}, 400, "invalid-option", "expected"),
        ({"params": b"sizes=%ff"}, 400, "invalid-option", "whole numbers"),
    ],
)
def test_an_invalid_request_gets_a_problem(service, originals, request_, status, code, word):
    before = originals()
    answer = service.post("/", data=ROCKET.read_bytes(), **request_)
    assert word in expect_problem(answer, status, code)["detail"]
    assert originals() == before


@pytest.mark.parametrize("path", ["/%ff%fe", "/%00", "/a%2fb", "/%0dSet-Cookie:x", "//x"])
def test_an_invalid_path_is_not_found(url, path):
    answer = requests.get(url + path, timeout=30)
    expect_problem(answer, 404, "not-found")
    assert "set-cookie" not in answer.headers


def test_an_upload_that_breaks_off_leaves_nothing(service, url, originals):
    before = originals()
    address = urlsplit(url)
    data = ROCKET.read_bytes()
    for declared in (
        f"Content-Length: {len(data) + 1}\r\n\r\n".encode() + data,
        b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n" % len(data) + data,
    ):
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n" + declared)
    service.done(sizes="16")  # by now the others have been given up
    assert len(originals() - before) == 1


def test_waiting_clients_do_not_block_others(cloud, service):
    """More requests wait than there are threads; this upload is never done."""
    id = uuid.uuid4().hex
    requests.post(
        f"{cloud.addresses.storage}/upload/storage/v1/b/quickthumb-originals/o",
        params={"uploadType": "media", "name": id},
        data=ROCKET.read_bytes(),
        timeout=30,
    ).raise_for_status()
    with ThreadPoolExecutor(60) as threads:
        waiting = [
            threads.submit(requests.get, f"{service.url}/{id}?wait=20", timeout=60)
            for _ in range(60)
        ]
        served = service.done(sizes="16")
        assert not any(answer.done() for answer in waiting)
        assert served
        assert service.delete(f"/{id}").status_code == 204
        assert {answer.result().status_code for answer in waiting} == {404}


def test_fifty_at_once_with_one_key_are_one_job(service, originals):
    before = originals()
    key = {"Idempotency-Key": str(uuid.uuid4())}
    files = {"file": ("rocket.jpg", ROCKET.read_bytes())}

    def send(_):
        return requests.post(service.url, files=files, headers=key, timeout=120)

    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(send, range(50)))
    assert {answer.status_code for answer in answers} == {202}
    [document] = {answer.text for answer in answers}
    id = json.loads(document)["id"]
    assert originals() - before == {id}
    assert service.get(f"/{id}?wait=30").json()["status"] == "done"
    other = service.post("/", files=files, data={"fit": "cover"}, headers=key)
    expect_problem(other, 422, "idempotency-key-reused")
    again = service.post("/", files=files, headers=key)
    assert again.json()["id"] == id
    assert again.headers["idempotent-replayed"] == "true"


def test_the_root_is_a_page_for_browsers_and_json_for_others(service):
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    page = service.get("/", headers={"accept": accept})
    assert page.headers["content-type"].startswith("text/html")
    assert "Accept" in page.headers["vary"]
    assert service.get("/").json()["service"] == "QuickThumb"
