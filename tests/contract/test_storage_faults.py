"""What our buckets do where Cloud Storage fails, beside what the client library does.

A server answers as it is told; it knows just enough of the API to make both clients content.
"""

import base64
import gzip
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import google.auth
import google_crc32c
import pytest
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import RefreshError, TransportError

from quickthumb import json_api
from quickthumb.connections import Connections
from quickthumb.json_api import Client
from quickthumb.problems import Unavailable
from quickthumb.storage import CloudBucket
from tests.library_bucket import LibraryBucket

DATA = b"a picture" * 1000
RESOURCE = {
    "name": "a",
    "bucket": "contract",
    "contentType": "image/jpeg",
    "size": str(len(DATA)),
    "generation": "5",
    "updated": "2026-01-02T03:04:05.678Z",
    "crc32c": base64.b64encode(google_crc32c.value(DATA).to_bytes(4, "big")).decode(),
    "metadata": {"filename": "Kätzchen.png"},
}
HASH = {"X-Goog-Hash": f"crc32c={RESOURCE['crc32c']}"}


class Google:
    """A server. `script` has what it answers; a None in it hangs up instead."""

    def __init__(self):
        self.script, self.requests = [], []
        script, requests = self.script, self.requests

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if urlsplit(self.path).path == "/storage/v1/b/contract":  # the library is curious
                    self.send_error(404)
                    return
                requests.append((self.command, self.path, self.headers, body))
                answer = script.pop(0) if len(script) > 1 else script[0]
                self.close_connection = answer is None
                if answer is None:
                    return
                status, headers, content = answer
                self.close_connection = "Content-Length" in headers
                self.send_response(status)
                for key, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_DELETE = answer  # noqa: N815

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server():
    server = Google()
    yield server
    server.close()


@pytest.fixture(params=["cloud", "library"])
def bucket(request, server):
    if request.param == "library":
        return LibraryBucket(server.url, "contract", call_seconds=5)
    return CloudBucket(Client(server.url), "contract", call_seconds=5)


@pytest.fixture
def ours(server):
    return CloudBucket(Client(server.url), "contract", call_seconds=5)


def content(data=DATA, status=200, **headers):
    return status, {**HASH, "Content-Type": "image/jpeg", **headers}, data


def document(resource, status=200):
    return status, {"Content-Type": "application/json"}, json.dumps(resource).encode()


def failure(status):
    return document({"error": {"code": status, "message": "as told"}}, status)


def sent(request):
    """Return the fields and the content of an upload."""
    _, _, headers, body = request
    head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
    resource, data = BytesParser().parsebytes(head + body).get_payload()
    fields = json.loads(resource.get_payload(decode=True))
    return {"contentType": data["Content-Type"], **fields}, data.get_payload(decode=True)


CALLS = {
    "read": (lambda b: b.read("a"), content(), DATA),
    "stat": (lambda b: b.stat("a").generation, document(RESOURCE), 5),
    "create": (lambda b: b.create("a", DATA, "image/jpeg", {}), document(RESOURCE), 5),
    "write": (lambda b: b.write("a", DATA, "image/jpeg", "no-cache"), document(RESOURCE), True),
    "delete": (lambda b: b.delete("a"), (204, {}, b""), True),
    "begin": (
        lambda b: b.begin("a", 5, "image/jpeg", {}, None),
        (200, {"Location": "http://x/session"}, b""),
        "http://x/session",
    ),
    "walk": (
        lambda b: [blob.name for blob in b.walk("a")],
        document({"items": [RESOURCE]}),
        ["a"],
    ),
}
calls = pytest.mark.parametrize(("call", "answer", "expected"), CALLS.values(), ids=CALLS)


@calls
def test_a_call_that_fails_for_the_moment_is_repeated(server, bucket, call, answer, expected):
    server.script[:] = [failure(503), answer]
    assert call(bucket) == expected
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [408, 429, 500, 502, 504])
def test_there_are_several_such_failures(server, bucket, status):
    server.script[:] = [failure(status), content()]
    assert bucket.read("a") == DATA


@calls
def test_a_call_whose_connection_ends_is_repeated(server, bucket, call, answer, expected):
    server.script[:] = [None, answer]
    assert call(bucket) == expected
    assert len(server.requests) == 2


@calls
def test_a_call_that_is_refused_is_not_repeated(server, bucket, call, answer, expected):
    server.script[:] = [failure(403)]
    with pytest.raises(Unavailable, match=r"contract.*as told"):
        call(bucket)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 409])
def test_there_are_several_such_refusals(server, bucket, status):
    server.script[:] = [failure(status)]
    with pytest.raises(Unavailable, match=r"contract.*as told"):
        bucket.write("a", DATA, "image/jpeg", "no-cache")
    assert len(server.requests) == 1


@calls
def test_a_call_is_repeated_for_a_limited_time(server, call, answer, expected):
    server.script[:] = [failure(503)]
    started = time.monotonic()
    with pytest.raises(Unavailable, match="503 as told"):
        call(CloudBucket(Client(server.url), "contract", call_seconds=0.5))
    assert time.monotonic() - started < 3
    assert len(server.requests) > 1


def test_content_that_arrives_incomplete_is_fetched_again(server, bucket):
    server.script[:] = [content(DATA[:-1], **{"Content-Length": str(len(DATA))}), content()]
    assert bucket.read("a") == DATA


def test_content_that_arrives_damaged_is_not_returned(server, bucket):
    server.script[:] = [content(DATA[::-1])]
    with pytest.raises(Unavailable):
        bucket.read("a")


@pytest.mark.parametrize("more", ["md5=CY9rzUYh03PK3k6DJie09g==,", ""])
def test_a_checksum_is_found_among_others(server, bucket, more):
    server.script[:] = [content(**{"X-Goog-Hash": f"{more}crc32c=AAAAAA=="})]
    with pytest.raises(Unavailable):
        bucket.read("a")


def test_content_that_is_stored_compressed_is_decompressed(server, bucket):
    stored = gzip.compress(DATA)
    crc = base64.b64encode(google_crc32c.value(stored).to_bytes(4, "big")).decode()
    told = {"X-Goog-Hash": f"crc32c={crc}", "Content-Encoding": "gzip"}
    server.script[:] = [content(stored, **told)]
    assert bucket.read("a") == DATA


@pytest.mark.parametrize(
    "stored",
    [gzip.compress(bytes(300 * 1024 * 1024), 1, mtime=0), b"not gzip"],
    ids=["300 MB", "not gzip"],
)
def test_content_that_cannot_be_decompressed_is_not_returned(server, ours, stored):
    crc = base64.b64encode(google_crc32c.value(stored).to_bytes(4, "big")).decode()
    told = {"X-Goog-Hash": f"crc32c={crc}", "Content-Encoding": "gzip"}
    server.script[:] = [content(stored, **told)]
    with pytest.raises(Unavailable, match="compressed"):
        ours.read("a")


def test_an_upload_says_the_same_as_with_the_client_library(server, ours):
    library = LibraryBucket(server.url, "contract", call_seconds=5)
    server.script[:] = [document(RESOURCE)]
    for bucket in (ours, library):
        bucket.create("ä/b c", DATA, "image/jpeg", {"filename": "Kätzchen.png"})
        bucket.write("ä/b c", DATA, "image/jpeg", "no-cache")
    for mine, theirs in zip(server.requests[:2], server.requests[2:], strict=True):
        fields, data = sent(mine)
        expected, same = sent(theirs)
        query, reference = (parse_qs(urlsplit(each[1]).query) for each in (mine, theirs))
        assert {**fields, "name": query.pop("name")[0]} == expected
        assert data == same == DATA
        assert query == reference
        assert urlsplit(mine[1]).path == urlsplit(theirs[1]).path


@calls
def test_paths_and_conditions_are_those_of_the_client_library(server, ours, call, answer, expected):
    server.script[:] = [answer]
    call(ours)
    call(LibraryBucket(server.url, "contract", call_seconds=5))
    mine, theirs = (urlsplit(path) for _, path, _, _ in server.requests)
    assert unquote(mine.path) == unquote(theirs.path)
    left_out = ("fields", "projection", "prettyPrint", "name")
    first, second = (
        {key: value for key, value in parse_qs(each.query).items() if key not in left_out}
        for each in (mine, theirs)
    )
    assert first == second
    assert server.requests[0][0] == server.requests[1][0]


def test_a_listing_goes_on_at_the_next_page(server, bucket):
    other = {**RESOURCE, "name": "b"}
    server.script[:] = [
        document({"items": [RESOURCE], "nextPageToken": "t/1"}),
        document({"nextPageToken": "t/2"}),
        document({"items": [other]}),
    ]
    assert [blob.name for blob in bucket.walk()] == ["a", "b"]
    tokens = [parse_qs(urlsplit(path).query).get("pageToken") for _, path, _, _ in server.requests]
    assert tokens == [None, ["t/1"], ["t/2"]]


def test_a_description_is_read_as_by_the_client_library(server, ours):
    library = LibraryBucket(server.url, "contract", call_seconds=5)
    server.script[:] = [document(RESOURCE)]
    assert ours.stat("a") == library.stat("a")


def test_a_create_whose_answer_was_lost_returns_its_generation(server, ours):
    written = {**RESOURCE, "metadata": {"filename": "a"}}
    server.script[:] = [None, failure(412), document(written)]
    assert ours.create("a", DATA, "image/jpeg", {"filename": "a"}) == 5


@pytest.mark.parametrize(
    "other", [{"crc32c": "AAAAAA=="}, {"metadata": {"filename": "b"}}, {"contentType": "image/png"}]
)
def test_a_create_whose_answer_was_lost_tells_the_blob_of_another_from_its_own(server, ours, other):
    found = {**RESOURCE, "metadata": {"filename": "a"}, **other}
    server.script[:] = [None, failure(412), document(found)]
    assert ours.create("a", DATA, "image/jpeg", {"filename": "a"}) is None


def test_a_create_that_finds_a_blob_at_once_asks_no_further(server, ours):
    server.script[:] = [failure(412)]
    assert ours.create("a", DATA, "image/jpeg", {}) is None
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b"[" * 100_000])
def test_an_answer_that_is_something_else_is_unavailable(server, ours, body):
    server.script[:] = [(200, {}, body)]
    with pytest.raises(Unavailable, match="contract"):
        ours.create("a", DATA, "image/jpeg", {})


def test_many_threads_share_a_client(server, ours):
    server.script[:] = [content()]
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ours.read, ["a"] * 200)) == {DATA}


class Identity(Credentials):
    """Credentials whose tokens count up; the first is outdated."""

    def __init__(self, failures=()):
        super().__init__()
        self.token, self.refreshed, self.failures = "0", 0, list(failures)

    def before_request(self, request, method, url, headers):
        headers["authorization"] = f"Bearer {self.token}"

    def refresh(self, request):
        self.refreshed += 1
        if self.failures:
            raise self.failures.pop(0)
        self.token = str(self.refreshed)


def in_production(monkeypatch, server, credentials):
    """Return a bucket as `connect` makes it without an emulator, at another address."""
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setattr(google.auth, "default", lambda scopes: (credentials, "p"))
    client = json_api.connect()
    assert client.url == "https://storage.googleapis.com"
    client.connections = Connections(server.url)
    return CloudBucket(client, "contract", call_seconds=5)


def test_requests_carry_a_token_and_an_outdated_one_is_renewed(server, monkeypatch):
    bucket = in_production(monkeypatch, server, Identity())
    server.script[:] = [failure(401), content()]
    assert bucket.read("a") == DATA
    tokens = [headers["Authorization"] for _, _, headers, _ in server.requests]
    assert tokens == ["Bearer 0", "Bearer 1"]


def test_a_token_that_cannot_be_had_for_the_moment_is_asked_for_again(server, monkeypatch):
    identity = Identity([TransportError("no answer")])
    bucket = in_production(monkeypatch, server, identity)
    server.script[:] = [failure(401), failure(401), content()]
    assert bucket.read("a") == DATA
    assert identity.refreshed == 2


def test_an_identity_that_gets_no_token_is_unavailable(server, monkeypatch):
    bucket = in_production(monkeypatch, server, Identity([RefreshError("no such account")]))
    server.script[:] = [failure(401)]
    with pytest.raises(Unavailable, match=r"contract.*no such account"):
        bucket.read("a")


def test_nobody_without_credentials_gets_in_where_they_are_needed(server, monkeypatch):
    bucket = in_production(monkeypatch, server, AnonymousCredentials())
    server.script[:] = [failure(401)]
    with pytest.raises(Unavailable, match="contract"):
        bucket.read("a")
