"""The program that serves a function and tells what it does."""

import asyncio
import base64
import contextlib
import io
import json

import flask
import pytest

from emulator.dashboard.controls import Controls
from emulator.dashboard.heard import EVENT, LOGGED
from emulator.parts.guest import watched


@pytest.fixture
def told(monkeypatch):
    """What is written to standard output, as lines."""
    lines = []
    monkeypatch.setattr(watched, "write", lambda stream, text: lines.append(text.rstrip("\n")))
    return lines


def events(told):
    return [json.loads(line[1:]) for line in told if line.startswith(EVENT)]


def push(data: bytes = b'{"id": "order-7"}', **attributes):
    message = {
        "data": base64.b64encode(data).decode(),
        "messageId": "m1",
        "publishTime": "2026-01-01T00:00:00Z",
        "attributes": attributes,
    }
    return {"message": message, "subscription": "projects/p/subscriptions/s", "deliveryAttempt": 2}


@pytest.fixture
def controls(tmp_path):
    controls = Controls(tmp_path, mortal=["resize"])
    controls.write()
    return controls


def flask_app():
    app = flask.Flask("function")

    @app.post("/")
    def handle():
        print("half way")
        return flask.request.get_json()["message"]["messageId"]

    @app.get("/broken")
    def broken():
        raise RuntimeError("broken")

    return app


def client(controls, *, is_job=True, name="resize"):
    watch = watched.Watch(str(controls.path), name, is_job=is_job)
    return watched.wrapped(flask_app(), watch).test_client()


def test_a_job_is_told_with_its_message_and_still_gets_its_body(told, controls):
    answer = client(controls).post("/", json=push(color="red"))
    assert answer.text == "m1"
    began, ended = events(told)
    assert began["message"] == {
        "id": "m1",
        "attempt": 2,
        "published": "2026-01-01T00:00:00Z",
        "subscription": "projects/p/subscriptions/s",
        "attributes": {"color": "red"},
        "data": base64.b64encode(b'{"id": "order-7"}').decode(),
    }
    assert (ended["ended"], ended["status"]) == (began["began"], 200)
    assert ended["seconds"] >= 0


def test_what_is_called_by_people_is_told_without_its_body(told, controls):
    client(controls, is_job=False).post("/", json=push())
    began, _ = events(told)
    assert (began["method"], began["path"], began.get("message")) == ("POST", "/", None)


def test_an_error_is_told_as_the_answer_that_the_framework_gives(told, controls):
    assert client(controls).get("/broken").status_code == 500
    assert events(told)[-1]["status"] == 500


@pytest.mark.parametrize("body", [b"no JSON", b"[" * 100_000], ids=["no JSON", "deeply nested"])
def test_what_is_not_a_push_is_handled_as_ever(told, controls, body):
    answer = client(controls).post("/", data=body, content_type="text/plain")
    assert answer.status_code == 415
    assert "message" not in events(told)[0]


def test_a_message_that_is_too_large_for_a_line_is_told_by_its_id(told, controls):
    large = {f"name-{number}": "x" * 900 for number in range(10)}
    client(controls).post("/", json=push(b"x" * 100_000, **large))
    began, _ = events(told)
    assert began["message"]["id"] == "m1"
    assert began["message"]["data"] is began["message"]["attributes"] is None
    assert max(map(len, told)) < 4096


def test_what_a_request_prints_is_marked_with_it(told, controls, monkeypatch):
    out = watched.Marked(io.StringIO())
    with contextlib.redirect_stdout(out):
        client(controls).post("/", json=push())
    began = events(told)[0]
    assert f"{LOGGED}{began['began']}{LOGGED}half way" in told


def test_lines_outside_of_requests_are_passed_on():
    below = io.StringIO()
    print("starting", file=watched.Marked(below))
    assert below.getvalue() == "starting\n"


def test_a_line_without_an_end_is_written_at_the_end_of_its_request(told, controls):
    watch = watched.Watch(str(controls.path), "resize", is_job=True)
    request = watch.began("POST", "/", None)
    token = watched.current.set(request)
    watched.Marked(io.StringIO()).write("no newline")
    watched.current.reset(token)
    watch.ended(request, 200)
    assert told[1] == f"{LOGGED}{request.id}{LOGGED}no newline"


def test_slow_counts_from_the_next_job_on(controls):
    watch = watched.Watch(str(controls.path), "resize", is_job=True)
    assert watch.pause() == 0
    controls.set_slow("resize", 2.5)
    assert watch.pause() == 2.5
    assert watched.Watch(str(controls.path), "bury", is_job=True).pause() == 0
    controls.set_slow("resize", 0)
    assert watch.pause() == 0


def test_only_the_word_of_the_emulator_kills_and_only_who_is_mortal(told, controls, monkeypatch):
    deaths = []
    monkeypatch.setattr(watched, "die", lambda: deaths.append(1))
    client(controls).post("/", json=push(b"poison"))
    client(controls).post("/", json=push(b"poison-0123456789abcdef"))
    client(controls, name="bury").post("/", json=push(controls.poison.encode()))
    client(controls, is_job=False).post("/", json=push(controls.poison.encode()))
    assert not deaths
    client(controls).post("/", json=push(f"a {controls.poison}.png".encode()))
    assert deaths == [1]


def test_without_its_file_nothing_is_slow_and_nothing_kills(tmp_path):
    watch = watched.Watch(str(tmp_path / "missing.json"), "resize", is_job=True)
    assert watch.pause() == 0
    assert not watch.kills(b"anything")


def test_the_file_of_controls_is_private_and_goes_away(tmp_path):
    controls = Controls(tmp_path, ["resize"])
    with controls.written():
        assert controls.path.stat().st_mode & 0o077 == 0
    assert not controls.path.exists()


def test_an_asgi_application_is_told_of_too(told, controls):
    bodies, answers = [], []

    async def app(scope, receive, send):
        bodies.append(await receive())
        print("half way")
        await send({"type": "http.response.start", "status": 204, "headers": []})

    async def call(body: bytes):
        parts = [body[:10], body[10:]]

        async def receive():
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

        async def send(event):
            answers.append(event)

        headers = [(b"content-length", b"%d" % len(body))]
        scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
        await watched.wrapped(app, watched.Watch(str(controls.path), "resize", is_job=True))(
            scope, receive, send
        )

    asyncio.run(call(json.dumps(push()).encode()))
    began, ended = events(told)
    assert (began["message"]["id"], ended["status"]) == ("m1", 204)
    assert bodies[0]["body"] == json.dumps(push()).encode()[:10]
    assert [event["status"] for event in answers] == [204]
