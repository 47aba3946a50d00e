"""The entry points through functions-framework's own front door, with no cloud to reach."""

import json
import logging
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from functions_framework import create_app
from functions_framework.aio import create_asgi_app
from starlette.testclient import TestClient

from emulator.cloud import SOURCE
from emulator.pubsub.signing import ISSUER, SigningKey
from tests.pictures import picture

SETTINGS = {
    "QUICKTHUMB_ORIGINALS_BUCKET": "originals",
    "QUICKTHUMB_PROCESSED_BUCKET": "processed",
    "QUICKTHUMB_REQUESTS_BUCKET": "requests",
    "QUICKTHUMB_UPLOADS_TOPIC": "projects/p/topics/uploads",
    "QUICKTHUMB_COMPLETED_TOPIC": "projects/p/topics/completed",
}


@pytest.fixture(autouse=True)
def _log_as_before():
    """Put the log back: the functions configure it, as they own their process."""
    root, package = logging.getLogger(), logging.getLogger("quickthumb")
    handlers, levels = root.handlers[:], (root.level, package.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    package.setLevel(levels[1])


@pytest.fixture(autouse=True)
def _bare_machine(monkeypatch, tmp_path):
    """Take away what could lead to a cloud: emulators, settings, credentials."""
    for name in ("STORAGE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))  # where gcloud keeps credentials
    monkeypatch.setenv("NO_GCE_CHECK", "true")


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
    for name in SETTINGS:
        assert name in problem["detail"]
    assert "python3 -m emulator env" in problem["detail"]


def test_upload_without_emulator_and_credentials_says_which_variables_to_set(monkeypatch):
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    problem = upload_answer().json()
    assert problem["code"] == "misconfigured"
    assert "STORAGE_EMULATOR_HOST and PUBSUB_EMULATOR_HOST" in problem["detail"]
    assert "GOOGLE_APPLICATION_CREDENTIALS" in problem["detail"]


def test_upload_with_storage_alone_says_what_pubsub_needs(monkeypatch):
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    problem = upload_answer().json()
    assert "PUBSUB_EMULATOR_HOST names no emulator" in problem["detail"]


def test_resize_without_settings_has_the_message_delivered_again_and_says_why():
    app = create_app("resize", str(SOURCE), "cloudevent")
    message = {"data": "e30=", "messageId": "1", "publishTime": "2026-01-01T00:00:00Z"}
    push = {"message": message, "subscription": "projects/p/subscriptions/resize"}
    answer = app.test_client().post("/", json=push)
    assert answer.status_code == 503
    assert "QUICKTHUMB_ORIGINALS_BUCKET" in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("function", ["resize", "bury"])
def test_a_push_nested_too_deeply_is_refused_and_logged(capsys, function):
    app = create_app(function, str(SOURCE), "cloudevent")
    push = '{"message":' + "[" * 100_000 + "]" * 100_000 + "}"
    answer = app.test_client().post("/", data=push, content_type="application/json")
    assert answer.status_code == 400
    assert answer.text == "no Pub/Sub message: its JSON is nested too deeply"
    assert f"to be delivered again: {answer.text}" in capsys.readouterr().err


@pytest.mark.parametrize("function", ["resize", "bury"])
@pytest.mark.parametrize(
    ("email", "status"), [("push@p.iam.gserviceaccount.com", 403), ("", 401), (None, 401)]
)
def test_a_push_of_who_is_not_pubsub_is_turned_away_and_logged(
    monkeypatch, capsys, function, email, status
):
    key = SigningKey(None)
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": "me", "email": email, "iat": now, "exp": now + 60}
    claims |= {"email_verified": True, "aud": "me" if email else "another"}
    headers = {} if email is None else {"Authorization": f"Bearer {key.sign(claims)}"}
    with certificates(key) as url:
        for name, value in {
            **SETTINGS,
            "QUICKTHUMB_PUSH_AUDIENCE": "me",
            "QUICKTHUMB_PUSH_ACCOUNT": "expected@p.iam.gserviceaccount.com",
            "QUICKTHUMB_PUSH_CERTS_URL": url,
        }.items():
            monkeypatch.setenv(name, value)
        message = {"data": "e30=", "messageId": "1", "publishTime": "2026-01-01T00:00:00Z"}
        push = {"message": message, "subscription": "projects/p/subscriptions/resize"}
        app = create_app(function, str(SOURCE), "cloudevent")
        answer = app.test_client().post("/", json=push, headers=headers)
    assert answer.status_code == status
    assert "token" in answer.text
    assert "Traceback" not in answer.text
    assert f"turned away: {answer.text}" in capsys.readouterr().err


@contextmanager
def certificates(key):
    """Serve the public key as Google serves its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(key.public_keys()).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/certs"
        server.shutdown()
        thread.join()
