"""The function `upload` through functions-framework's own front door, with no cloud to reach."""

import pytest
from functions_framework.aio import create_asgi_app
from starlette.testclient import TestClient

from emulator.source import SOURCE
from tests.log_kept import log_kept
from tests.pictures import picture
from tests.settings import ENV, on_a_bare_machine


@pytest.fixture(autouse=True)
def _log_as_before():
    with log_kept():
        yield


@pytest.fixture(autouse=True)
def _bare_machine(monkeypatch, tmp_path):
    on_a_bare_machine(monkeypatch, tmp_path)


def upload_answer():
    app = create_asgi_app("upload", str(SOURCE))
    with TestClient(app, raise_server_exceptions=False) as http:
        return http.post("/", files={"file": ("cat.jpg", picture())})


def test_upload_without_settings_says_which_variables_to_set():
    answer = upload_answer()
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "/problems/misconfigured"
    for name in ENV:
        assert name in problem["detail"]
    assert "python3 -m emulator env" in problem["detail"]


def test_upload_without_emulator_and_credentials_says_which_variables_to_set(monkeypatch):
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    problem = upload_answer().json()
    assert problem["code"] == "misconfigured"
    assert "STORAGE_EMULATOR_HOST and PUBSUB_EMULATOR_HOST" in problem["detail"]
    assert "GOOGLE_APPLICATION_CREDENTIALS" in problem["detail"]


def test_upload_with_storage_alone_says_what_pubsub_needs(monkeypatch):
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    problem = upload_answer().json()
    assert "PUBSUB_EMULATOR_HOST is not set" in problem["detail"]
