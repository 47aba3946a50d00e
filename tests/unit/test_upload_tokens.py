"""Upload tokens: what they allow, how often, and when they end."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import time
from dataclasses import replace
from types import SimpleNamespace

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickthumb.api.access import Holder
from quickthumb.api.records import Records
from quickthumb.documents import token as tokens
from quickthumb.documents.metadata import MAX_BYTES
from quickthumb.documents.token import MAX_LENGTH, PREFIX, Token, key_of
from quickthumb.problems import InvalidToken, TokenExpired, TooManyRequests
from tests.pictures import picture
from tests.service import Service, expect_problem

KEY, OTHER = "an api key", "another api key"
SECRET = "for-these-tests-alone-" + "x" * 20
NOT_A_PICTURE = {"file": ("a.txt", b"not a picture")}


def hash_of(key):
    return hashlib.sha256(key.encode()).hexdigest()


SETTINGS = {
    "api_keys": (hash_of(KEY), hash_of(OTHER)),
    "token_secrets": (SECRET,),
    "takeover_seconds": 0,
}


@pytest.fixture
def service():
    return Service(**SETTINGS)


def granted(service, key=KEY, **grant):
    answer = service.http.post("/tokens", json=grant, headers={"x-api-key": key})
    assert answer.status_code == 201, answer.text
    return answer.json()["token"]


def bearer(token):
    return {"authorization": f"Bearer {token}"}


def upload(service, token, *, data=None, files=None, **more):
    files = files or {"file": ("cat.jpg", picture())}
    return service.http.post("/", files=files, data=data, headers=bearer(token), **more)


def calls(bucket, monkeypatch):
    """Return a list that grows by the name of every method called on a bucket."""
    seen = []
    for name in ("create", "read", "stat", "fetch", "write", "delete", "walk"):
        method = getattr(bucket, name)

        def counted(*args, _name=name, _method=method, **kwargs):
            seen.append(_name)
            return _method(*args, **kwargs)

        monkeypatch.setattr(bucket, name, counted)
    return seen


def test_a_token_is_answered_with_its_end_and_nothing_is_stored(service):
    before = time.time()
    answer = service.http.post("/tokens", json={"expires_in": 60}, headers={"x-api-key": KEY})
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["token"].startswith(PREFIX)
    ends = time.strptime(answer.json()["expires"], "%Y-%m-%dT%H:%M:%SZ")
    assert 58 < time.mktime(ends) - time.timezone - before < 62
    assert not service.requests.blobs


@pytest.mark.parametrize(
    "send",
    [
        lambda token: {"headers": bearer(token)},
        lambda token: {"headers": {"x-api-key": token}},
        lambda token: {"params": {"token": token}},
        lambda token: {"data": {"token": token}},
    ],
    ids=["bearer", "header", "query", "form"],
)
def test_a_page_uploads_with_a_token_instead_of_a_key(service, send):
    receipt = service.post(**send(granted(service)))
    assert receipt.status_code == 202, receipt.text
    service.work()
    status = service.http.get(receipt.json()["links"]["self"]).json()
    assert status["status"] == "done"
    assert "metadata" not in status


@pytest.mark.parametrize("where", ["headers", "params"])
def test_a_raw_picture_and_an_announcement_take_a_token_too(service, where):
    for path, content in (("/", picture()), ("/uploads", b'{"size": 99}')):
        token = granted(service)
        given = {"headers": bearer(token)} if where == "headers" else {"params": {"token": token}}
        assert service.http.post(path, content=content, **given).status_code in (201, 202)


def form(*parts):
    """Return the body of a form, in this order."""
    body = b""
    for name, value in parts:
        file = '; filename="a.png"' if isinstance(value, bytes) else ""
        data = value if isinstance(value, bytes) else value.encode()
        body += f'--b\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode()
        body += data + b"\r\n"
    return {"content-type": "multipart/form-data; boundary=b"}, body + b"--b--\r\n"


def test_the_token_of_a_form_precedes_the_first_file(service):
    headers, body = form(("file", picture()), ("token", granted(service)))
    problem = expect_problem(
        service.http.post("/", content=body, headers=headers), 401, "unauthorized"
    )
    assert "token before the first file" in problem["detail"]
    headers, body = form(("metadata[a]", "8"), ("token", granted(service)), ("file", picture()))
    assert service.http.post("/", content=body, headers=headers).status_code == 202


def first_of(service, headers, beginning):
    """Send the beginning of a request that never ends; return the status and the problem."""
    parts, sent = [beginning], []

    async def receive():
        assert parts, "more of the request was read"
        return {"type": "http.request", "body": parts.pop(), "more_body": True}

    async def send(message):
        sent.append(message)

    scope = {
        **{"type": "http", "method": "POST", "path": "/", "query_string": b"", "root_path": ""},
        "headers": [(name.encode(), text.encode()) for name, text in headers.items()],
    }
    asyncio.run(service.app(scope, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"])


@pytest.mark.parametrize("fields", [(), (("token", "wrong"),), (("token", KEY),)])
def test_a_file_without_a_valid_token_before_it_is_not_read(service, fields):
    headers, body = form(*fields, ("file", b""))
    status, problem = first_of(service, headers, body.removesuffix(b"\r\n--b--\r\n"))
    assert (status, problem["code"]) == (401, "invalid-token" if fields else "unauthorized")


def test_an_api_key_is_not_taken_from_a_query(service):
    answer = service.http.post("/", params={"token": KEY}, content=picture())
    expect_problem(answer, 401, "invalid-token")


def test_a_form_without_files_and_token_is_told_of_the_token(service):
    headers, body = form(("sizes", "8"))
    expect_problem(service.http.post("/", content=body, headers=headers), 401, "unauthorized")


def test_a_token_allows_nothing_but_uploads(service):
    token = granted(service, uses=None)
    id = upload(service, token).json()["id"]
    for answer in (
        service.http.delete(f"/{id}", headers=bearer(token)),
        service.http.post("/tokens", json={}, headers=bearer(token)),
    ):
        problem = expect_problem(answer, 403, "token-scope")
        assert "send an API key" in problem["detail"]
    assert service.http.get(f"/{id}", headers=bearer(token)).json()["status"] == "queued"
    for answer in (
        service.http.delete(f"/{id}", params={"token": token}),
        service.http.post("/tokens", json={}, params={"token": token}),
    ):
        expect_problem(answer, 401, "unauthorized")


def test_a_token_ends(service, monkeypatch):
    token = granted(service, expires_in=60)
    now = time.time()
    monkeypatch.setattr(tokens, "time", SimpleNamespace(time=lambda: now + 61))
    answer = upload(service, token)
    expect_problem(answer, 401, "token-expired")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    "changed",
    [
        {"api_keys": (hash_of(OTHER),)},
        {"token_secrets": ("another secret of the service " + "y" * 20,)},
    ],
    ids=["key", "secret"],
)
def test_a_token_is_revoked_with_its_key_and_with_the_secret(service, changed):
    token = granted(service)
    other = Service(**SETTINGS | changed)
    expect_problem(upload(other, token), 401, "invalid-token")


def test_a_secret_is_rotated_without_refusing_tokens(service):
    token = granted(service)
    rotated = Service(**SETTINGS | {"token_secrets": ("new " * 10, SECRET)})
    assert upload(rotated, token).status_code == 202
    assert upload(rotated, granted(rotated)).status_code == 202
    expect_problem(upload(service, granted(rotated)), 401, "invalid-token")


def test_whoever_knows_the_hashes_cannot_make_a_token(service):
    token = Token("id", int(time.time()) + 60, 1, 1000)
    for key in (hash_of(KEY).encode(), bytes.fromhex(hash_of(KEY)), b"", key_of("", hash_of(KEY))):
        expect_problem(upload(service, token.signed(key)), 401, "invalid-token")


@pytest.mark.parametrize(
    "settings", [{"token_secrets": ()}, {"api_keys": (), "token_secrets": (SECRET,)}]
)
def test_without_keys_or_secrets_there_are_no_tokens(settings):
    service = Service(**SETTINGS | settings)
    answer = service.http.post("/tokens", json={}, headers={"x-api-key": KEY})
    problem = expect_problem(answer, 404, "not-found")
    assert "QUICKTHUMB_TOKEN_SECRETS" in problem["detail"]


@pytest.mark.parametrize(
    "settings", [{}, {"token_secrets": ()}, {"api_keys": (), "token_secrets": ()}]
)
@pytest.mark.parametrize("place", ["data", "params"])
def test_a_token_never_ends_in_metadata_also_where_none_is_needed(place, settings):
    service = Service(**SETTINGS | settings)
    given = {"params": {}, "data": {"album": "7"}}
    given[place]["token"] = f"{PREFIX}secret"
    answer = service.post(headers={"x-api-key": KEY}, **given)
    assert answer.status_code == 202, answer.text
    service.work()
    assert service.http.get(f"/{answer.json()['id']}").json()["metadata"] == {"album": "7"}
    assert not any(PREFIX.encode() in data for _, data in service.processed.blobs.values())


def test_a_token_allows_formats_that_are_negotiated_and_what_is_in_it_stays_as_it_grows(service):
    token = granted(service, allow={"format": ["webp", "negotiate"]}, metadata={"user": "ada"})
    answer = upload(service, token, data={"format": "negotiate", "sizes": "16"})
    expect_problem(answer, 403, "token-scope")
    answer = upload(service, token, data={"format": "negotiate", "note": "mine"})
    assert answer.status_code == 202, answer.text
    id = answer.json()["id"]
    service.work()
    more = service.http.post(f"/{id}?sizes=16", headers={"x-api-key": KEY})
    metadata = {"user": "ada", "note": "mine"}
    assert more.status_code == 202
    assert more.json()["metadata"] == metadata
    before = service.http.get("/uploads", params={"ids": id}).json()["uploads"][0]
    assert (before["status"], "16" in before["thumbnails"]) == ("done", False)
    service.work()
    after = service.http.get("/uploads", params={"ids": id}).json()["uploads"][0]
    assert after == service.http.get(f"/{id}").json()
    assert after["metadata"] == metadata
    assert {"256", "256-avif", "16"} <= {*after["links"]["thumbnails"]}


def test_further_thumbnails_take_no_metadata_and_count_for_no_quota():
    service = Service(**SETTINGS, key_uploads_per_minute=1)
    key = {"x-api-key": KEY}
    id = service.post(headers=key).json()["id"]
    service.work()
    problem = expect_problem(
        service.http.post(f"/{id}", json={"metadata": {"a": "b"}}, headers=key),
        400,
        "invalid-option",
    )
    assert problem["field"] == "metadata"
    for size in (16, 24, 32):
        assert service.http.post(f"/{id}?sizes={size}", headers=key).status_code == 202
    expect_problem(service.post(headers=key), 429, "too-many-requests")
    expect_problem(service.http.post(f"/{id}?sizes=48"), 401, "unauthorized")


def test_signatures_are_compared_in_constant_time_with_those_of_all_keys(service, monkeypatch):
    compared = []

    def compare(one, other):
        compared.append(other)
        return hmac.compare_digest(one, other)

    token = granted(service)
    fake = SimpleNamespace(compare_digest=compare, digest=hmac.digest)
    monkeypatch.setattr(tokens, "hmac", fake)
    for text in (token, token[:-1] + ("A" if token[-1] != "A" else "B"), PREFIX + "x"):
        compared.clear()
        upload(service, text)
        assert len(compared) == 2


def test_neither_token_nor_secret_is_logged_or_echoed(service, caplog):
    caplog.set_level(logging.DEBUG)
    token = granted(service)
    answers = [upload(service, token), upload(service, token + "x"), upload(service, token)]
    for text in (token, SECRET):
        assert text not in caplog.text
        assert all(text not in answer.text for answer in answers)


# What one request may do.


def test_a_token_limits_the_number_of_pictures(service):
    files = [("file", ("a.png", picture())), ("file", ("b.png", picture(9, 9)))]
    problem = expect_problem(upload(service, granted(service), files=files), 403, "token-scope")
    assert problem["field"] == "file"
    assert upload(service, granted(service, files=2), files=files).status_code == 202


def test_a_token_limits_the_bytes_of_pictures(service):
    size = len(picture())
    expect_problem(upload(service, granted(service, bytes=size - 1)), 403, "token-scope")
    assert upload(service, granted(service, bytes=size)).status_code == 202
    token = granted(service, bytes=1000)
    answer = service.http.post("/uploads", json={"size": 1001}, headers=bearer(token))
    assert expect_problem(answer, 403, "token-scope")["field"] == "size"


def test_a_token_sets_options_that_a_request_cannot_change(service):
    token = granted(service, uses=None, options={"sizes": [64, 16], "format": "webp"})
    links = upload(service, token).json()["links"]["thumbnails"]
    assert list(links) == ["64", "16"]
    assert list(upload(service, token, data={"sizes": "64,16"}).json()["links"]["thumbnails"])
    for name, text in (("sizes", "64"), ("format", "png"), ("quality", "3")):
        answer = upload(service, token, data={name: text})
        assert expect_problem(answer, 403, "token-scope")["field"] == name
    announced = {"size": 9, "options": {"format": "png"}}
    answer = service.http.post("/uploads", json=announced, headers=bearer(token))
    assert expect_problem(answer, 403, "token-scope")["field"] == "format"


def test_a_request_may_choose_something_else_than_the_token_sets_if_that_is_allowed(service):
    grant = {"options": {"sizes": [64]}, "allow": {"sizes": [16, 64]}}
    token = granted(service, uses=None, **grant)
    for chosen, made in (({}, ["64"]), ({"sizes": "16"}, ["16"])):
        assert list(upload(service, token, data=chosen).json()["links"]["thumbnails"]) == made
    expect_problem(upload(service, token, data={"sizes": "17"}), 403, "token-scope")


@pytest.mark.parametrize(
    ("allow", "chosen", "code"),
    [
        ({"sizes": [64, 128, 256]}, {"sizes": "64,256"}, None),
        ({"sizes": [64, 128, 256]}, {"sizes": "64, 256"}, None),
        ({"sizes": [64, 128, 256]}, {"sizes": "64,257"}, "token-scope"),
        ({"sizes": [64]}, {"sizes": "big"}, "invalid-option"),
        ({"sizes": [64]}, {}, None),
        ({"sizes": True}, {"sizes": "99"}, None),
        ({"format": ["webp", "avif"]}, {"format": "avif"}, None),
        ({"format": ["webp", "avif"]}, {"format": "png"}, "token-scope"),
        ({"quality": [70]}, {"quality": "070"}, None),
        ({"quality": True}, {"quality": "101"}, "invalid-option"),
        ({"background": ["#FFFFFF"]}, {"background": "ffffff"}, None),
        ({}, {"sizes": "64"}, "token-scope"),
        ({}, {"size": "64"}, "invalid-option"),
        ({}, {"colour": "red"}, None),
    ],
)
def test_a_request_may_choose_what_the_token_allows(service, allow, chosen, code):
    answer = upload(service, granted(service, allow=allow), data=chosen)
    if code is None:
        assert answer.status_code == 202
    else:
        expect_problem(answer, 403 if code == "token-scope" else 400, code)


def test_a_token_sets_metadata_that_a_request_may_add_to_but_not_change(service):
    token = granted(service, uses=None, metadata={"user": "ada"})
    assert upload(service, token).json()["metadata"] == {"user": "ada"}
    more = {"metadata[album]": "7", "metadata[user]": "ada"}
    assert upload(service, token, data=more).json()["metadata"] == {"user": "ada", "album": "7"}
    answer = upload(service, token, data={"metadata[user]": "bob"})
    assert expect_problem(answer, 403, "token-scope")["field"] == "metadata[user]"
    most = {"metadata[x]": "x" * (MAX_BYTES - 20)}
    expect_problem(upload(service, token, data=most), 400, "invalid-metadata")


@pytest.mark.parametrize(
    ("grant", "field"),
    [
        ({"expires_in": 0}, "expires_in"),
        ({"expires_in": 12 * 3600 + 1}, "expires_in"),
        ({"uses": 0}, "uses"),
        ({"uses": 101}, "uses"),
        ({"files": 0}, "files"),
        ({"bytes": -1}, "bytes"),
        ({"sizes": [1]}, "sizes"),
        ({"options": {"sizes": [0]}}, "sizes"),
        ({"options": {"colour": "red"}}, "colour"),
        ({"allow": {"colour": ["red"]}}, "colour"),
        ({"allow": ["format"]}, "allow"),
        ({"allow": {"format": ["bmp"]}}, "format"),
        ({"allow": {"format": [["webp"]]}}, "format"),
        ({"allow": {"format": []}}, "format"),
        ({"allow": {"format": "webp"}}, "format"),
        ({"allow": {"format": False}}, "format"),
        ({"uploads_per_minute": 0}, "uploads_per_minute"),
    ],
)
def test_a_wrong_grant_is_refused(service, grant, field):
    answer = service.http.post("/tokens", json=grant, headers={"x-api-key": KEY})
    problem = expect_problem(answer, 400, "invalid-option")
    assert problem["field"] == field


@pytest.mark.parametrize("body", [b"[]", b"{", b"expires_in=60"])
def test_what_is_no_object_is_no_grant(service, body):
    answer = service.http.post("/tokens", content=body, headers={"x-api-key": KEY})
    expect_problem(answer, 400, "bad-request")


def test_an_empty_body_asks_for_the_defaults(service):
    answer = service.http.post("/tokens", headers={"x-api-key": KEY})
    token, _ = Token.read(answer.json()["token"], [key_of(SECRET, hash_of(KEY))])
    assert (token.uses, token.max_files) == (1, 1)
    assert token.max_size == service.settings.max_original_bytes


def test_options_that_the_service_does_not_take_cannot_be_granted():
    service = Service(**SETTINGS, only_renditions=True)
    for grant in ({"options": {"sizes": [8]}}, {"allow": {"sizes": [8]}}):
        answer = service.http.post("/tokens", json=grant, headers={"x-api-key": KEY})
        expect_problem(answer, 400, "invalid-option")
    assert upload(service, granted(service)).status_code == 202


def test_a_token_fits_into_the_field_of_a_form(service):
    most = {f"k{n}": "x" * 30 for n in range(48)}
    token = granted(service, metadata=most, options={"sizes": [64, 16]})
    assert len(token) <= MAX_LENGTH
    assert service.post(data={"token": token}).json()["metadata"] == most
    grant = {"metadata": {"k": "\U0001f408" * 500}, "allow": {"sizes": list(range(1, 400))}}
    answer = service.http.post("/tokens", json=grant, headers={"x-api-key": KEY})
    expect_problem(answer, 400, "invalid-metadata")


# How often.


def test_one_use_is_one_upload(service):
    token = granted(service)
    assert upload(service, token).status_code == 202
    answer = upload(service, token, files={"file": ("cat.jpg", picture(9, 9))})
    expect_problem(answer, 403, "token-exhausted")
    assert len(service.originals.blobs) == len(service.uploads.messages) == 1


def test_the_same_request_again_is_the_same_use(service):
    token = granted(service)
    first, again = upload(service, token), upload(service, token)
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert len(service.originals.blobs) == 1


def test_it_is_the_same_request_however_the_token_is_sent(service):
    token = granted(service)
    ids = {
        service.post(**sent).json()["id"]
        for sent in (
            {"data": {"token": token}},
            {"params": {"token": token}},
            {"headers": bearer(token)},
        )
    }
    assert len(ids) == 1


def test_several_uses_are_as_many_uploads(service):
    token = granted(service, uses=3)
    answers = [
        upload(service, token, files={"file": ("cat.jpg", picture(size, 8))})
        for size in range(10, 15)
    ]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 403, 403]
    expect_problem(answers[-1], 403, "token-exhausted")
    again = upload(service, token, files={"file": ("cat.jpg", picture(10, 8))})
    assert again.json() == answers[0].json()


def test_the_same_picture_with_other_keys_is_several_uses(service):
    token = granted(service, uses=2)
    ids = set()
    for key in ("a", "a", "b"):
        headers = bearer(token) | {"idempotency-key": key}
        ids.add(service.post(headers=headers).json()["id"])
    assert len(ids) == 2
    answer = service.post(headers=bearer(token) | {"idempotency-key": "c"})
    expect_problem(answer, 403, "token-exhausted")


def test_any_number_of_uses_claims_nothing(service):
    token = granted(service, uses=None)
    ids = {upload(service, token).json()["id"] for _ in range(3)}
    assert len(ids) == 3
    assert not service.requests.blobs


def test_a_refused_picture_spends_no_use(service):
    token = granted(service)
    for files in (NOT_A_PICTURE, {"file": ("a.png", b"")}, NOT_A_PICTURE):
        assert upload(service, token, files=files).status_code in (400, 415)
    assert upload(service, token).status_code == 202


def test_an_upload_that_was_unavailable_is_continued_by_the_same_request(service):
    token = granted(service)
    service.uploads.broken = True
    expect_problem(upload(service, token), 503, "unavailable")
    service.uploads.broken = False
    assert upload(service, token).status_code == 202
    other = upload(service, token, files={"file": ("cat.jpg", picture(9, 9))})
    expect_problem(other, 403, "token-exhausted")


async def together(service, token, pictures):
    transport = httpx2.ASGITransport(service.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://quickthumb") as client:
        return await asyncio.gather(
            *(
                client.post("/", content=data, headers=bearer(token), timeout=60)
                for data in pictures
            )
        )


@pytest.mark.parametrize("uses", [1, 3])
def test_of_many_uploads_at_once_as_many_are_accepted_as_there_are_uses(service, uses):
    token = granted(service, uses=uses)
    pictures = [picture(10 + n, 8) for n in range(12)]
    answers = asyncio.run(together(service, token, pictures))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(202) == uses
    assert statuses.count(403) == len(pictures) - uses
    assert len(service.originals.blobs) == uses


def test_instances_that_know_nothing_of_each_other_count_together(service):
    token = granted(service, uses=2)
    other = Service(**SETTINGS)
    other.requests.blobs = service.requests.blobs
    assert upload(service, token).status_code == 202
    second = {"file": ("cat.jpg", picture(9, 9))}
    assert upload(other, token, files=second).status_code == 202
    third = {"file": ("cat.jpg", picture(7, 9))}
    expect_problem(upload(other, token, files=third), 403, "token-exhausted")
    expect_problem(upload(service, token, files=third), 403, "token-exhausted")


def test_a_token_that_is_known_to_be_used_costs_no_calls(service, monkeypatch):
    token = granted(service, uses=3)
    for size in range(10, 14):
        upload(service, token, files={"file": ("cat.jpg", picture(size, 8))})
    buckets = (service.requests, service.originals, service.processed)
    seen = [calls(bucket, monkeypatch) for bucket in buckets]
    answer = upload(service, token, files={"file": ("cat.jpg", picture(20, 8))})
    expect_problem(answer, 403, "token-exhausted")
    assert seen == [[], [], []]


def test_a_use_takes_two_calls_and_a_key_none(service, monkeypatch):
    token = granted(service)
    seen = calls(service.requests, monkeypatch)
    upload(service, token)
    assert seen == ["create", "create"]
    seen.clear()
    service.post(headers={"x-api-key": KEY})
    upload(service, granted(service, uses=None))
    assert seen == []


# How fast.


def limited(**settings):
    return Service(**SETTINGS, **settings)


def posts(service, count, **arguments):
    return [service.post(**arguments).status_code for _ in range(count)]


@pytest.fixture(autouse=True)
def _no_minute_ends(monkeypatch):
    """Hold the clock of the quotas."""
    from quickthumb.api.quotas import Quotas

    monkeypatch.setattr(Quotas.__init__, "__defaults__", (lambda: 6_000_007.0,))


def test_a_key_has_a_quota_of_pictures_and_another_key_has_its_own():
    service = limited(key_uploads_per_minute=25)
    assert posts(service, 27, headers={"x-api-key": KEY}) == [202] * 25 + [429] * 2
    answer = service.post(headers={"x-api-key": KEY})
    problem = expect_problem(answer, 429, "too-many-requests")
    assert "25 pictures a minute" in problem["detail"]
    assert answer.headers["retry-after"] == "53"
    assert posts(service, 1, headers={"x-api-key": OTHER}) == [202]


def test_a_key_has_a_quota_of_bytes():
    size = len(picture())
    service = limited(key_bytes_per_minute=10 * size)
    assert posts(service, 12, headers={"x-api-key": KEY}) == [202] * 10 + [429] * 2
    answer = service.http.post("/uploads", json={"size": 10 * size + 1}, headers={"x-api-key": KEY})
    expect_problem(answer, 413, "too-large")


def test_an_upload_of_its_tokens_counts_for_a_key():
    service = limited(key_uploads_per_minute=3)
    token = granted(service, uses=None)
    assert posts(service, 2, headers=bearer(token)) == [202] * 2
    assert posts(service, 2, headers={"x-api-key": KEY}) == [202, 429]
    assert posts(service, 1, headers=bearer(token)) == [429]


def test_a_token_has_a_quota_that_leaves_the_key_alone():
    service = limited(key_uploads_per_minute=5)
    token = granted(service, uses=None, uploads_per_minute=2)
    assert posts(service, 4, headers=bearer(token)) == [202, 202, 429, 429]
    assert posts(service, 4, headers={"x-api-key": KEY}) == [202, 202, 202, 429]


def test_a_used_token_does_not_use_up_the_quota_of_its_key():
    service = limited(key_uploads_per_minute=3)
    token = granted(service)
    for size in range(10, 20):
        upload(service, token, files={"file": ("cat.jpg", picture(size, 8))})
    assert posts(service, 3, headers={"x-api-key": KEY}) == [202, 202, 429]


def test_an_upload_above_a_known_quota_is_not_received():
    service = limited(key_uploads_per_minute=1)
    assert posts(service, 2, headers={"x-api-key": KEY}) == [202, 429]
    for headers in ({"x-api-key": KEY}, bearer(granted(service))):
        status, _ = first_of(service, headers, b"the beginning")
        assert status == 429


def test_a_new_minute_has_a_new_quota(monkeypatch):
    now = [6_000_059.0]
    from quickthumb.api.quotas import Quotas

    monkeypatch.setattr(Quotas.__init__, "__defaults__", (lambda: now[0],))
    service = limited(key_uploads_per_minute=1)
    assert posts(service, 2, headers={"x-api-key": KEY}) == [202, 429]
    now[0] += 1
    assert posts(service, 2, headers={"x-api-key": KEY}) == [202, 429]


def test_what_is_given_back_after_a_minute_is_no_quota_of_the_next():
    from quickthumb.api.quotas import Quotas

    now = [6_000_059.0]
    quotas = Quotas(Records(limited().requests), (2, None), lambda: now[0])

    async def story():
        give_back = await quotas.take(Holder(KEY), (2, 10))
        now[0] += 1
        give_back()
        await quotas.take(Holder(KEY), (2, 10))
        with pytest.raises(TooManyRequests):
            await quotas.take(Holder(KEY), (1, 10))

    asyncio.run(story())


def test_an_upload_that_is_too_large_for_its_key_does_not_count_for_its_token():
    size = len(picture())
    service = limited(key_bytes_per_minute=2 * size)
    token = granted(service, uses=None, files=3, uploads_per_minute=3)
    three = [("file", ("cat.jpg", picture()))] * 3
    assert upload(service, token, files=three).status_code == 413
    assert upload(service, token).status_code == 202


@pytest.mark.parametrize("quota", [1, 7, 10, 33])
def test_instances_together_never_exceed_a_quota(quota):
    instances = [limited(key_uploads_per_minute=quota) for _ in range(4)]
    for other in instances[1:]:
        other.requests.blobs = instances[0].requests.blobs
    accepted = sum(
        status == 202
        for turn in range(quota + 3)
        for status in posts(instances[turn % 4], 1, headers={"x-api-key": KEY})
    )
    # Each instance may hold the rest of one block, and a block has at most a tenth, rounded up.
    assert quota - 3 * -(-quota // 10) <= accepted <= quota


def test_a_quota_takes_at_most_ten_calls_a_minute_and_a_service_without_one_none(monkeypatch):
    service = limited(key_uploads_per_minute=50)
    seen = calls(service.requests, monkeypatch)
    posts(service, 60, headers={"x-api-key": KEY})
    assert seen == ["create"] * 10
    other = limited()
    seen = calls(other.requests, monkeypatch)
    posts(other, 3, headers={"x-api-key": KEY})
    assert seen == []


def test_without_keys_the_quota_is_that_of_everybody():
    service = Service(key_uploads_per_minute=1)
    assert posts(service, 2) == [202, 429]


# What the text of a token may be.

VALID = Token("AAAAAAAAAAAAAAAA", 2**40, 3, 1000, uses=2, metadata={"user": "ada"})
SIGNING = key_of(SECRET, hash_of(KEY))


@given(
    st.builds(
        Token,
        id=st.text(max_size=20),
        expires=st.integers(2**33, 2**40),
        max_files=st.integers(1, 100),
        max_size=st.integers(1, 2**40),
        uses=st.none() | st.integers(1, 100),
        options=st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=4),
        allow=st.dictionaries(
            st.text(max_size=9), st.none() | st.tuples(st.text(max_size=9)), max_size=4
        ),
        metadata=st.dictionaries(st.text(max_size=9), st.text(max_size=40), max_size=9),
        uploads_per_minute=st.none() | st.integers(1, 99),
        bytes_per_minute=st.none() | st.integers(1, 99),
    )
)
def test_what_is_signed_is_read(token):
    text = token.signed(SIGNING)
    if len(text) <= MAX_LENGTH:
        assert Token.read(text, [b"another", SIGNING]) == (token, 1)


@given(st.text() | st.text().map(PREFIX.__add__) | st.binary().map(lambda b: PREFIX + b.hex()))
def test_any_other_text_is_refused(text):
    with pytest.raises(InvalidToken):
        Token.read(text, [SIGNING])


@given(st.data())
def test_a_changed_token_is_refused(data):
    text = VALID.signed(SIGNING)
    at = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.characters().filter(lambda letter: letter != text[at]))
    changed = data.draw(
        st.sampled_from(
            [text[:at] + letter + text[at + 1 :], text[:at], text[:at] + letter + text[at:]]
        )
    )
    with pytest.raises(InvalidToken):
        Token.read(changed, [SIGNING])


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b'{"id":"x","expires":99999999999,"max_files":1,"max_size":1,"new":1}',
        b'{"id":"x","expires":99999999999,"max_files":0,"max_size":1}',
    ],
)
def test_a_token_of_another_version_is_refused(document):
    payload = base64.urlsafe_b64encode(document).rstrip(b"=").decode()
    signature = hmac.digest(SIGNING, payload.encode(), "sha256")
    text = f"{PREFIX}{payload}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
    with pytest.raises(InvalidToken):
        Token.read(text, [SIGNING])


def test_an_expired_token_is_told_apart_from_a_forged_one():
    old = Token("id", int(time.time()) - 1, 1, 1)
    with pytest.raises(TokenExpired):
        Token.read(old.signed(SIGNING), [SIGNING])
    with pytest.raises(InvalidToken) as error:
        Token.read(old.signed(b"another"), [SIGNING])
    assert not isinstance(error.value, TokenExpired)


def test_the_document_describes_tokens_only_where_there_are_some():
    from quickthumb.api.openapi import describe

    with_tokens = json.dumps(describe(replace(Service().settings, **SETTINGS)))
    without = json.dumps(describe(Service().settings))
    for word in ('"token-expired": {', "An upload token, before the first file"):
        assert (word in with_tokens, word in without) == (True, False)


def test_a_preflight_allows_the_header_of_a_token():
    service = Service(**SETTINGS, cors_origins=("https://app.example",))
    answer = service.http.options(
        "/",
        headers={
            "origin": "https://app.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization",
        },
    )
    assert answer.status_code == 204
    answer = service.post(headers={"origin": "https://app.example"} | bearer("x"))
    assert answer.headers["access-control-allow-origin"] == "https://app.example"


def test_a_plain_form_with_a_token_leads_to_the_page_that_it_names():
    service = Service(**SETTINGS, cors_origins=("https://app.example.com",))
    fields = {"token": granted(service), "next": "https://app.example.com/done", "album": "7"}
    files = {"file": ("cat.jpg", picture())}
    answer = service.http.post("/", data=fields, files=files, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    id = answer.headers["location"].removeprefix("https://app.example.com/done?id=")
    assert service.http.get(f"/{id}").json()["metadata"] == {"album": "7"}


def test_a_token_does_not_delete_what_answered_an_upload(service):
    token = granted(service)
    answer = upload(service, token)
    deleted = service.http.request("DELETE", "/", content=answer.text, headers=bearer(token))
    expect_problem(deleted, 403, "token-scope")
    deleted = service.http.request("DELETE", f"/?token={token}", content=answer.text)
    expect_problem(deleted, 401, "unauthorized")
