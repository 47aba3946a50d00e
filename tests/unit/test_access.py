"""API keys: who may POST and DELETE."""

import hashlib
import hmac
import logging
from types import SimpleNamespace

import pytest

from quickthumb.api import access
from tests.pictures import picture
from tests.service import Service, expect_problem


def hash_of(key):
    return hashlib.sha256(key.encode()).hexdigest()


@pytest.fixture
def service():
    return Service(api_keys=(hash_of("first key"), hash_of("zweiter Schlüssel")))


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": "first key"},
        {"authorization": "Bearer first key"},
        {"authorization": "bearer  first key"},
        {"x-api-key": "zweiter Schlüssel".encode()},
        {"x-api-key": "first key", "authorization": "Bearer identity-token-of-somebody"},
        {"x-api-key": "first key", "authorization": "Basic dTpw"},
    ],
)
def test_a_client_with_a_key_may_upload_and_delete(service, headers):
    id = service.post(headers=headers).json()["id"]
    assert service.http.delete(f"/{id}", headers=headers).status_code == 204


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-api-key": ""},
        {"x-api-key": "another key"},
        {"x-api-key": hash_of("first key")},
        {"x-api-key": "another key", "authorization": "Bearer first key"},
        {"authorization": "Basic first key"},
        {"authorization": "first key"},
        {"authorization": "Bearer"},
    ],
)
def test_a_client_without_a_key_is_refused(service, headers, caplog):
    caplog.set_level(logging.DEBUG)
    id = service.post(headers={"x-api-key": "first key"}).json()["id"]
    before = dict(service.originals.blobs)
    for answer in (service.post(headers=headers), service.http.delete(f"/{id}", headers=headers)):
        expect_problem(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"] == 'Bearer realm="QuickThumb"'
        assert "another key" not in answer.text
    assert service.originals.blobs == before
    assert "first key" not in caplog.text
    assert "another key" not in caplog.text


def test_reading_needs_no_key(service):
    id = service.done(headers={"x-api-key": "first key"})
    for path in ("/", "/health", f"/{id}", f"/{id}/256"):
        assert service.http.get(path).status_code == 200
    assert service.http.options("/").status_code == 204


def test_without_keys_in_the_settings_none_is_needed():
    service = Service()
    headers = {"x-api-key": "whatever", "authorization": "Bearer whatever"}
    id = service.post(headers=headers).json()["id"]
    assert service.http.delete(f"/{id}").status_code == 204


def test_a_refused_upload_is_refused_before_its_body_is_read(service):
    def body():
        raise AssertionError("the body was read")
        yield b""

    expect_problem(service.http.post("/", content=body()), 401, "unauthorized")


def test_a_wrong_method_is_told_so_without_a_key(service):
    expect_problem(service.http.put("/", content=picture()), 405, "method-not-allowed")


@pytest.mark.parametrize("key", ["first key", "zweiter Schlüssel", "another key", "f", "x" * 5000])
def test_only_hashes_are_compared_all_of_them_in_constant_time(service, monkeypatch, key):
    compared = []

    def compare(shown, known):
        compared.append((shown, known))
        return hmac.compare_digest(shown, known)

    monkeypatch.setattr(access, "hmac", SimpleNamespace(compare_digest=compare))
    service.post(headers={"x-api-key": key.encode()})
    shown = hash_of(key)
    assert compared == [(shown, hash_of("first key")), (shown, hash_of("zweiter Schlüssel"))]
