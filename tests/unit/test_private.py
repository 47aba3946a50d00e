"""The functions that are not public, through functions-framework's own front door."""

import base64
import json
import logging
import os
import sys

import pytest
from functions_framework import create_app
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from emulator.pubsub.doors.signing import SigningKey
from emulator.source import SOURCE
from quickthumb.parts import Parts
from quickthumb.problems import Unavailable
from tests.issuer import bearer, issuing
from tests.log_kept import log_kept
from tests.settings import ENV, on_a_bare_machine

TYPES = {"resize": "cloudevent", "bury": "cloudevent", "sweep": "http"}
PUSHED = ["resize", "bury"]
ALL = [*PUSHED, "sweep"]
TRACE = "0af7651916cd43dd8448eb211c80319c"

PUSH = {
    "message": {"data": "e30=", "messageId": "1", "publishTime": "2026-01-01T00:00:00Z"},
    "subscription": "projects/p/subscriptions/resize",
}
HTML = "<img src=x onerror=alert(1)>"
HOSTILE = HTML + "\r\n\x1b[31m\x85\u202e"


@pytest.fixture(autouse=True)
def _log_as_before():
    with log_kept():
        yield


@pytest.fixture(autouse=True)
def _bare_machine(monkeypatch, tmp_path):
    on_a_bare_machine(monkeypatch, tmp_path, ENV)


def http(function):
    return create_app(function, str(SOURCE), TYPES[function]).test_client()


def is_harmless(answer):
    """Tell whether no browser and no terminal does anything with an answer but show it."""
    return (
        answer.headers["X-Content-Type-Options"] == "nosniff"
        and answer.headers["Cache-Control"] == "no-store"
        and answer.content_type
        in ("text/plain; charset=utf-8", "application/problem+json", "application/json")
        and answer.text.removesuffix("\n").isprintable()
        and len(answer.text) < 6000
    )


# Who may call.


@pytest.fixture
def issuer(monkeypatch):
    with issuing(SigningKey(None)) as issuer:
        for name, value in {
            "QUICKTHUMB_PUSH_AUDIENCE": "https://resize.example",
            "QUICKTHUMB_PUSH_ACCOUNT": "push@project.iam.gserviceaccount.com",
            "QUICKTHUMB_PUSH_CERTS_URL": issuer.url,
        }.items():
            monkeypatch.setenv(name, value)
        yield issuer


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", ["/", "/favicon.ico", "//", "/a/b?start="])
def test_a_call_without_a_token_is_refused(issuer, function, method, path):
    answer = http(function).open(path, method=method, json=PUSH)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert is_harmless(answer)


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"x" * (2 * 2**20)])
def test_the_body_of_a_call_without_a_token_is_not_read(issuer, function, body):
    answer = http(function).post("/", data=body, content_type="application/json")
    assert answer.status_code in (401, 413 if function == "sweep" else 401)
    assert is_harmless(answer)


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize(
    ("claims", "status"),
    [({"email": "other@p.iam.gserviceaccount.com"}, 403), ({"aud": "me"}, 401), ({"exp": 1}, 401)],
)
def test_a_forbidden_call_is_refused_and_logged(issuer, capsys, function, claims, status):
    headers = {"Authorization": bearer(issuer.keys[0], **claims)}
    answer = http(function).post("/", json=PUSH, headers=headers)
    assert answer.status_code == status
    assert "token" in answer.text.lower()
    assert is_harmless(answer)
    assert f"rejected: {answer.text}" in capsys.readouterr().err


@pytest.mark.parametrize("function", ALL)
def test_an_allowed_call_is_accepted(issuer, function):
    headers = {"Authorization": bearer(issuer.keys[0])}
    answer = http(function).post("/", json=PUSH, headers=headers)
    assert answer.status_code == 500  # there is no cloud behind it
    assert "STORAGE_EMULATOR_HOST" in answer.json["detail"]


# What is answered.


@pytest.mark.parametrize("function", ALL)
def test_without_settings_the_answer_and_the_log_say_which_are_missing(
    monkeypatch, capsys, function
):
    for name in ENV:
        monkeypatch.delenv(name)
    answer = http(function).post("/", json=PUSH)
    assert answer.status_code == 500
    assert answer.content_type == "application/problem+json"
    assert answer.json["type"] == "/problems/misconfigured"
    assert is_harmless(answer)
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("ERROR invalid configuration: ")
    for name in ENV:
        assert name in answer.json["detail"]
        assert name in line


def test_a_push_nested_too_deeply_is_refused_and_logged(capsys):
    push = '{"message":' + "[" * 100_000 + "]" * 100_000 + "}"
    answer = http("resize").post("/", data=push, content_type="application/json")
    assert answer.status_code == 400
    assert answer.text == "not a Pub/Sub message: its JSON is nested too deeply\n"
    assert f"retry later: {answer.text}" in capsys.readouterr().err


CLOUD_EVENT = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "x", "ce-type": "y"}


UNREADABLE = pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b""),
        ({}, b"null"),
        ({}, b"[]"),
        ({}, b'"x"'),
        ({}, b"{}"),
        ({}, b'{"message": null}'),
        ({}, b'{"message": {"data": "' + HTML.encode() + b'"}}'),
        ({}, b"\xff\xfe"),
        ({}, HOSTILE.encode()),
        (CLOUD_EVENT, b"{"),
        (CLOUD_EVENT, b"{}"),
        (CLOUD_EVENT | {"ce-specversion": HTML}, b"{}"),
        (CLOUD_EVENT | {"ce-time": HTML}, b"{}"),
        ({"Content-Type": "application/cloudevents+json"}, b"{"),
        ({"Content-Type": "application/cloudevents+json"}, b"[1]"),
        ({"Content-Type": "application/cloudevents+json"}, b"[" * 100_000),
        ({"Content-Type": "application/cloudevents+json; charset=" + HTML}, b"{}"),
    ],
)


@UNREADABLE
def test_an_invalid_message_is_refused_in_plain_text(capsys, headers, body):
    answer = http("resize").post(
        "/", data=body, headers={"Content-Type": "application/json"} | headers
    )
    assert answer.status_code == 400
    assert answer.text.startswith("not a Pub/Sub message: ")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert is_harmless(answer)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].isprintable()


@pytest.mark.parametrize("function", PUSHED)
def test_another_content_type_is_refused_in_plain_text(function):
    answer = http(function).post("/", data=b"{}", content_type=HTML)
    assert (answer.status_code, answer.text) == (415, "Unsupported Media Type\n")
    assert is_harmless(answer)


@pytest.mark.parametrize("function", PUSHED)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.text(st.characters(codec=None), max_size=80), st.dictionaries(st.text(), st.text()))
@example(HOSTILE, {HOSTILE: HOSTILE})
def test_whatever_a_message_holds_the_answer_and_the_log_are_harmless(
    capsys, function, text, attributes
):
    data = base64.b64encode(json.dumps(text).encode()).decode()
    message = {"data": data, "attributes": attributes, "messageId": text, "publishTime": text}
    answer = http(function).post("/", json={"message": message})
    assert is_harmless(answer)
    assert answer.status_code != 200
    for line in capsys.readouterr().err.splitlines():
        assert line.isprintable()


@pytest.mark.parametrize("function", PUSHED)
@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS"])
def test_a_method_that_a_push_does_not_have_is_refused_in_plain_text(function, method):
    answer = http(function).open("/" + HTML, method=method)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert is_harmless(answer)


@UNREADABLE
def test_an_invalid_dead_letter_is_acknowledged(capsys, headers, body):
    answer = http("bury").post(
        "/", data=body, headers={"Content-Type": "application/json"} | headers
    )
    assert answer.status_code == 204
    assert answer.data == b""
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("ERROR acknowledged an unreadable message: not a Pub/Sub message: ")


def test_an_oversized_dead_letter_is_acknowledged(capsys):
    body = b"[" + b" " * (2 * 2**20)
    answer = http("bury").post("/", data=body, content_type="application/json")
    assert answer.status_code == 204
    assert "acknowledged an unreadable message" in capsys.readouterr().err


@pytest.mark.parametrize("function", ["resize", "sweep"])
def test_a_request_that_is_too_large_is_refused_in_plain_text(function):
    body = b"[" + b" " * (2 * 2**20)
    answer = http(function).post("/", data=body, content_type="application/json")
    assert answer.status_code == 413
    assert answer.text == "Request Entity Too Large\n"
    assert is_harmless(answer)


@pytest.mark.parametrize("query", ["nonsense=1", "start=&seconds=" + HTML, f"{HTML}=1"])
def test_a_sweep_with_invalid_options_is_refused_in_plain_text(query):
    answer = http("sweep").post(f"/?{query}")
    assert answer.status_code == 400
    assert is_harmless(answer)


@pytest.mark.parametrize("path", ["/robots.txt", "/favicon.ico"])
def test_what_the_framework_answers_itself_is_plain_text(path):
    answer = http("sweep").get(path)
    assert (answer.status_code, answer.text) == (404, "Not Found\n")
    assert is_harmless(answer)


# What goes wrong behind the door, of which the functions tell in their own words.


def broken(function, error):
    """Return the application of a function whose storage fails."""
    app = create_app(function, str(SOURCE), TYPES[function])

    class Broken(Parts):
        @property
        def store(self):
            raise error

    sys.modules["main"].parts = Broken(os.environ)
    return app.test_client()


@pytest.mark.parametrize("function", ALL)
def test_an_error_that_nobody_expects_is_told_to_the_log_alone(capsys, function):
    answer = broken(function, ValueError(HOSTILE)).post("/", json=PUSH)
    assert answer.status_code == 500
    assert answer.text == "Internal error; see the log.\n"
    assert is_harmless(answer)
    first, *further = capsys.readouterr().err.splitlines()
    assert first == "ERROR ValueError"
    assert further[-1].startswith(f"    ValueError: {HTML}\\r\\n\\x1b")
    assert all(line.startswith("    ") and line.isprintable() for line in further)


@pytest.mark.parametrize("function", ALL)
def test_a_message_is_redelivered_if_the_cloud_does_not_respond(capsys, function):
    answer = broken(function, Unavailable(HOSTILE * 1000)).post("/", json=PUSH)
    assert answer.status_code == 503
    assert is_harmless(answer)
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("WARNING retry later: ")
    assert line.isprintable()


# What a line tells of its request.


@pytest.mark.parametrize("function", ALL)
def test_a_line_has_the_trace_and_the_execution_of_its_request(monkeypatch, capsys, function):
    monkeypatch.setenv("K_SERVICE", function)
    monkeypatch.delenv("QUICKTHUMB_ORIGINALS_BUCKET")
    headers = {
        "traceparent": f"00-{TRACE}-b7ad6b7169203331-01",
        "Function-Execution-Id": "abc123",
    }
    client = http(function)
    client.post("/", json=PUSH, headers=headers)
    client.post("/", json=PUSH)
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first["severity"] == "ERROR"
    assert first["logging.googleapis.com/trace"] == f"projects/p/traces/{TRACE}"
    assert first["logging.googleapis.com/labels"] == {"execution_id": "abc123"}
    assert "logging.googleapis.com/trace" not in second
    assert second["logging.googleapis.com/labels"]["execution_id"] != "abc123"


@pytest.mark.parametrize("function", ALL)
def test_each_request_restores_the_log_configuration(capsys, function):
    client = http(function)
    logging.getLogger("quickthumb.private").disabled = True
    logging.getLogger().handlers.clear()
    client.post("/", json=PUSH)
    assert "invalid configuration" in capsys.readouterr().err
