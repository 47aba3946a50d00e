"""What stands before the storage server, with the real server behind it."""

import json
import os
import signal
import socket
import time
from urllib.parse import quote

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage as library

from emulator.parts.front.visitors import Visitors
from emulator.ports import HOST
from tests import needs
from tests.storage import BUCKET, connect, exchange, received, request, serving, statuses

pytestmark = pytest.mark.slow

PAGE = "https://app.example.com"
EVIL = "https://evil.test"
DATA = os.urandom(800_000)


@pytest.fixture(scope="module", params=["hidden address", "TLS"])
def storage(request, tmp_path_factory):
    options = {"hidden": HOST} if request.param == "TLS" else {}
    folder = tmp_path_factory.mktemp("storage")
    with serving(folder, visitors=Visitors([PAGE]), **options) as storage:
        yield storage


@pytest.fixture
def name(request):
    return "".join(letter if letter.isalnum() else "-" for letter in request.node.name)


@pytest.fixture
def bucket(storage, monkeypatch):
    """Give the bucket as the client library has it."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.url)
    client = library.Client(project="p", credentials=AnonymousCredentials())
    return client.bucket(BUCKET)


def put(storage, name, data=b"kept", **headers):
    answer = requests.post(storage.uploads(name), data=data, headers=headers, timeout=20)
    assert answer.ok, answer.text
    return answer


def stored(storage, name):
    answer = requests.get(storage.blob(name), params={"alt": "media"}, timeout=20)
    return answer.content if answer.ok else None


# What the client library does.


def test_the_client_library_puts_gets_lists_and_deletes(bucket, name):
    blob = bucket.blob(f"{name}/a b+c.jpg")
    blob.metadata = {"filename": "é", "other": "1"}
    blob.upload_from_string(DATA, content_type="image/jpeg", if_generation_match=0)
    assert bucket.blob(blob.name).download_as_bytes() == DATA
    assert bucket.blob(blob.name).download_as_bytes(start=5, end=9) == DATA[5:10]
    assert bucket.get_blob(blob.name).metadata == {"filename": "é", "other": "1"}
    assert bucket.get_blob("no such blob") is None
    listed = [blob.name for blob in bucket.client.list_blobs(bucket, prefix=name)]
    assert listed == [blob.name]
    bucket.blob(blob.name).delete()
    assert bucket.get_blob(blob.name) is None


def test_a_listing_that_comes_in_chunks_is_whole(bucket, name):
    for number in range(30):
        bucket.blob(f"{name}/{number:03}").upload_from_string(b"x")
    listed = [blob.name for blob in bucket.client.list_blobs(bucket, prefix=name)]
    assert listed == [f"{name}/{number:03}" for number in range(30)]


def test_the_client_library_uploads_in_parts_and_keeps_conditions(bucket, name):
    blob = bucket.blob(name, chunk_size=256 * 1024)
    blob.metadata = {"a": "b"}
    blob.upload_from_string(DATA, content_type="image/tiff", if_generation_match=0)
    assert bucket.blob(name).download_as_bytes() == DATA
    seen = bucket.get_blob(name)
    assert (seen.content_type, seen.metadata) == ("image/tiff", {"a": "b"})
    with pytest.raises(Exception, match="412"):
        bucket.blob(name, chunk_size=256 * 1024).upload_from_string(DATA, if_generation_match=0)


def test_a_body_without_a_length_goes_through(storage, name):
    put(storage, name, iter([DATA[:1000], DATA[1000:70_000], DATA[70_000:]]))
    assert stored(storage, name) == DATA


def test_expect_100_continue_is_answered(storage, name):
    target = storage.uploads(name).removeprefix(storage.url)
    with connect(storage.url) as connection:
        connection.sendall(request("POST", target, "Content-Length: 5", "Expect: 100-continue"))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"hello")
        assert b" 200 OK\r\n" in connection.recv(2000)
    assert stored(storage, name) == b"hello"


def test_links_in_responses_point_to_the_front(storage, name):
    link = put(storage, name, DATA).json()["mediaLink"]
    assert link.startswith(storage.url)
    assert requests.get(link, timeout=20).content == DATA


def test_only_what_cloud_storage_has_is_there(storage, name):
    put(storage, name)
    for path in ("/_internal/delete_all", "/_internal/reseed", "/_internal/config"):
        answer = requests.post(storage.url + path, json={}, timeout=20)
        assert answer.status_code == 404
    assert stored(storage, name) == b"kept"


@pytest.mark.parametrize("climbs", ["../../../escaped", "a/../../../../escaped", "../"])
def test_a_name_that_leads_out_of_its_bucket_is_refused(storage, climbs):
    before = {path for path in storage.data.parent.rglob("*") if "sessions" not in path.parts}
    escaped = quote(climbs, safe="")
    upload = f"{storage.url}/upload/storage/v1/b/{BUCKET}/o"
    related = {"Content-Type": "multipart/related; boundary=B"}
    for answer in (
        requests.post(storage.uploads(escaped), data=b"x", timeout=20),
        requests.post(
            f"{upload}?uploadType=multipart",
            data=in_parts({"name": climbs}),
            headers=related,
            timeout=20,
        ),
        requests.post(
            f"{upload}?uploadType=multipart&name={escaped}",
            data=in_parts({"name": "good"}),
            headers=related,
            timeout=20,
        ),
        requests.post(storage.uploads(escaped, "resumable"), json={}, timeout=20),
        requests.post(f"{upload}?uploadType=resumable", json={"name": climbs}, timeout=20),
        requests.get(storage.blob(escaped), timeout=20),
        requests.patch(storage.blob(escaped), json={"metadata": {"a": "b"}}, timeout=20),
        requests.delete(storage.blob(escaped), timeout=20),
        requests.post(
            f"{storage.url}/{BUCKET}/{escaped}", headers={"x-goog-resumable": "start"}, timeout=20
        ),
    ):
        assert answer.status_code == 400
        assert "leads out of the folder" in answer.json()["error"]["message"]
    after = {path for path in storage.data.parent.rglob("*") if "sessions" not in path.parts}
    assert after == before


def in_parts(resource):
    """Return the body of an upload in one request."""
    head = f"--B\r\nContent-Type: application/json\r\n\r\n{json.dumps(resource)}\r\n--B\r\n"
    return f"{head}Content-Type: text/plain\r\n\r\nhello\r\n--B--\r\n".encode()


def test_what_could_carry_names_past_the_front_is_refused(storage):
    inner = "POST /_internal/delete_all HTTP/1.1"
    batch = (
        f"--B\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\n{inner}\r\n\r\n--B--\r\n"
    )
    answer = requests.post(
        f"{storage.url}/batch/storage/v1",
        data=batch,
        headers={"Content-Type": "multipart/mixed; boundary=B"},
        timeout=20,
    )
    assert answer.status_code == 501
    form = {"key": (None, "../../escaped"), "file": ("x", b"x")}
    assert requests.post(f"{storage.url}/{BUCKET}", files=form, timeout=20).status_code == 501


# Who is let in.


def attempts(storage, name):
    """Return requests that read, write and delete."""
    yield "GET", f"{storage.url}/storage/v1/b", b""
    yield "GET", storage.listing, b""
    yield "GET", f"{storage.blob(name)}?alt=media", b""
    yield "GET", f"{storage.url}/{BUCKET}/{name}", b""
    yield "POST", storage.uploads(f"{name}-evil"), b"evil"
    yield "POST", storage.uploads(f"{name}-evil", "resumable"), b"{}"
    yield "PATCH", storage.blob(name), b'{"metadata":{"a":"b"}}'
    yield "POST", f"{storage.url}/_internal/delete_all", b""
    yield "DELETE", storage.blob(name), b""


@pytest.mark.parametrize("origin", [EVIL, "null", "http://localhost.evil.test"])
def test_a_page_of_the_internet_gets_nothing(storage, name, origin):
    put(storage, name)
    for method, url, body in attempts(storage, name):
        headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"}
        answer = requests.request(method, url, data=body, headers=headers, timeout=20)
        assert answer.status_code == 403, (method, url)
        assert "QUICKTHUMB_CORS_ORIGINS" in answer.json()["error"]["message"]
        assert "access-control-allow-origin" not in answer.headers
    assert stored(storage, name) == b"kept"
    assert stored(storage, f"{name}-evil") is None


@pytest.mark.parametrize(
    "host", ["evil.test", "evil.test:8080", "127.0.0.1.evil.test", "127.0.0.2"]
)
def test_a_page_whose_name_leads_here_gets_nothing(storage, name, host):
    put(storage, name)
    for method, url, body in attempts(storage, name):
        answer = requests.request(method, url, data=body, headers={"Host": host}, timeout=20)
        assert answer.status_code == 403, (method, url)
        assert "127.0.0.1, localhost or [::1]" in answer.json()["error"]["message"]
    assert stored(storage, name) == b"kept"


@pytest.mark.parametrize("origin", [PAGE, "http://localhost:3000", "http://127.0.0.1:9"])
def test_pages_that_are_let_in_may_read_and_no_others(storage, name, origin):
    put(storage, name)
    answer = requests.get(storage.listing, headers={"Origin": origin}, timeout=20)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["vary"] == "Origin"
    plain = requests.get(storage.listing, timeout=20)
    assert "access-control-allow-origin" not in plain.headers
    assert plain.headers["vary"] == "Origin"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_browsers_are_told_what_pages_may_send(storage, method):
    asks = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "x-goog-a"}
    allowed = requests.options(storage.listing, headers={"Origin": PAGE, **asks}, timeout=20)
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == PAGE
    assert method in allowed.headers["access-control-allow-methods"]
    assert allowed.headers["access-control-allow-headers"] == "x-goog-a"
    refused = requests.options(storage.listing, headers={"Origin": EVIL, **asks}, timeout=20)
    assert refused.status_code == 403
    assert not [name for name in refused.headers if name.lower().startswith("access-control")]


def test_this_machine_is_answered_by_each_of_its_names(storage):
    for host in ("localhost:1", "127.0.0.1", "[::1]:80"):
        assert requests.get(storage.listing, headers={"Host": host}, timeout=20).ok


@pytest.mark.parametrize("evil", ["Origin: https://evil.test", "Host: evil.test"])
def test_each_request_of_a_connection_is_looked_at(storage, name, evil):
    put(storage, name)
    target = storage.blob(name).removeprefix(storage.url)
    good = request("GET", target)
    host = "evil.test" if evil.startswith("Host") else HOST
    line = [evil] if evil.startswith("Origin") else []
    bad = request("DELETE", target, *line, host=host)
    with connect(storage.url) as connection:
        for _ in range(2):
            connection.sendall(good)
            assert b" 200 OK\r\n" in connection.recv(5000)
        connection.sendall(bad)
        assert statuses(connection.recv(5000)) == [403]
        connection.sendall(good)
        assert statuses(connection.recv(5000)) == [200]
    assert statuses(exchange(storage.url, good + bad + good)) == [200, 403, 200]
    assert stored(storage, name) == b"kept"


def test_the_body_of_a_refused_request_is_not_parsed_as_a_request(storage, name):
    put(storage, name)
    target = storage.blob(name).removeprefix(storage.url)
    inner = request("DELETE", target)
    outer = request(
        "POST", "/upload", "Origin: https://evil.test", f"Content-Length: {len(inner)}", body=inner
    )
    assert statuses(exchange(storage.url, outer)) == [403]
    assert stored(storage, name) == b"kept"


# What would be two requests to one reader and one to another.


def smuggled(target):
    inner = request("DELETE", target)
    chunked = b"0\r\n\r\n" + inner
    length = f"Content-Length: {len(chunked)}"
    encoding = "Transfer-Encoding: chunked"
    yield request("POST", "/x", length, encoding, body=chunked)
    yield request("POST", "/x", encoding, length, body=chunked)
    yield request("POST", "/x", length, "Transfer-Encoding: xchunked", body=chunked)
    yield request("POST", "/x", length, "Transfer-Encoding : chunked", body=chunked)
    yield request("POST", "/x", length, "Transfer-Encoding:\x0bchunked", body=chunked)
    yield request("POST", "/x", length, f"X: y\n{encoding}", body=chunked)
    yield request("POST", "/x", length, "X: y", f" {encoding}", body=chunked)
    yield request("POST", "/x", length, "Content-Length: 0", body=inner)
    yield request("POST", "/x", "Content-Length: 0, 5", body=inner)
    yield request("GET", "http://evil.test/x", body=inner)
    yield request("GET", "/x HTTP/1.1\r\nHost: evil.test\r\nX: y", body=inner)
    yield request("POST", "/x", encoding, body=b"0 \r\n\r\n" + inner)
    yield request("POST", "/x", encoding, body=b"0\n\n" + inner)
    yield request("POST", "/x", encoding, body=b"5\r\nhello0\r\n\r\n" + inner)
    yield b"GET /x HTTP/1.1\nHost: localhost\n\n" + inner


@pytest.mark.parametrize("number", range(15))
def test_a_request_hidden_in_another_is_refused(storage, name, number):
    put(storage, name)
    attack = list(smuggled(storage.blob(name).removeprefix(storage.url)))[number]
    assert statuses(exchange(storage.url, attack)) == [400]
    assert stored(storage, name) == b"kept"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
        (request("GET", "/x", "X: " + "a" * 70_000), 431),
        (b"GET /" + b"a" * 200_000, 431),
        (request("GET", "/x", host="\x00"), 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"\n\n", 400),
    ],
)
def test_garbage_is_refused_in_a_sentence(storage, data, status):
    answer = exchange(storage.url, data)
    assert statuses(answer) == [status]
    message = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"]
    assert message.endswith(".")


# When things break.


def test_a_client_that_vanishes_leaves_no_blob(storage, name):
    target = storage.uploads(name).removeprefix(storage.url)
    for framing, part in (
        ("Content-Length: 100", b"half"),
        ("Transfer-Encoding: chunked", b"4\r\nhalf\r\n"),
    ):
        with connect(storage.url) as connection:
            connection.sendall(request("POST", target, framing, body=part))
            connection.shutdown(socket.SHUT_WR)
            received(connection)
    assert stored(storage, name) is None


def test_an_answer_before_the_end_of_a_body_arrives(storage):
    url = storage.uploads("x").replace(BUCKET, "no-such-bucket")
    answer = requests.post(url, data=bytes(40_000_000), timeout=60)
    assert answer.status_code == 404


@needs.posix("signals")
def test_a_server_that_dies_is_told_and_found_again(tmp_path):
    with serving(tmp_path) as storage:
        put(storage, "a")
        with requests.Session() as session:
            assert session.get(storage.blob("a"), timeout=20).ok
            server = storage.supervisor.pids()["storage"]
            os.kill(server, signal.SIGSTOP)
            os.kill(server, signal.SIGKILL)
            answer = session.get(storage.blob("a"), timeout=20)
            if not answer.ok:  # it is as quickly there again as this asks
                assert answer.status_code == 503
                assert "does not answer" in answer.json()["error"]["message"]
            end = time.monotonic() + 30
            while not session.get(storage.blob("a"), timeout=20).ok:
                assert time.monotonic() < end
                time.sleep(0.05)


def test_slow_and_silent_connections_do_not_block_others(storage, name):
    put(storage, name)
    silent = [connect(storage.url) for _ in range(60)]
    try:
        for number, connection in enumerate(silent):
            connection.sendall(b"GET / HTTP/1.1\r\nX: y"[: number % 20])
        assert stored(storage, name) == b"kept"
    finally:
        for connection in silent:
            connection.close()


def test_connections_are_bounded_and_free_again_when_they_end(tmp_path):
    with serving(tmp_path) as storage:
        many = [connect(storage.url) for _ in range(300)]
        last = many[-1]
        assert received(last) == b""  # there are more than are served
        for connection in many:
            connection.close()
        end = time.monotonic() + 20
        while True:
            try:
                assert requests.get(storage.listing, timeout=20).ok
                break
            except requests.ConnectionError:
                assert time.monotonic() < end
                time.sleep(0.05)


@needs.linux("extended attributes")
def test_metadata_that_finds_no_room_is_refused_and_breaks_nothing(storage, name):
    put(storage, name)
    resource = {"name": f"{name}-large", "metadata": {"a": "x" * 100_000}}
    answer = requests.post(
        f"{storage.url}/upload/storage/v1/b/{BUCKET}/o?uploadType=multipart",
        data=in_parts(resource),
        headers={"Content-Type": "multipart/related; boundary=B"},
        timeout=20,
    )
    assert answer.status_code == 400
    assert "does not fit" in answer.json()["error"]["message"]
    listed = requests.get(storage.listing, params={"prefix": name}, timeout=20)
    assert [blob["name"] for blob in listed.json()["items"]] == [name]


# Where the server itself is.


def test_the_server_behind_is_where_no_page_finds_it(storage):
    host = storage.server.partition("//")[2].partition(":")[0]
    if storage.server.startswith("https"):
        with pytest.raises(requests.exceptions.SSLError):  # as a browser has it
            requests.get(f"{storage.server}/storage/v1/b", timeout=20)
    else:
        assert host.startswith("127.")
        assert host != HOST
