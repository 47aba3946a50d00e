"""Logs and responses of functions that are started as on Google Cloud."""

import socket

import pytest
import requests

from emulator.ports import HOST, free_port
from tests.e2e.started import started
from tests.settings import ENV

FUNCTIONS = ["upload", "resize", "bury", "sweep"]
TRACE = "0af7651916cd43dd8448eb211c80319c"
HEADERS = {
    "traceparent": f"00-{TRACE}-b7ad6b7169203331-01",
    "X-Cloud-Trace-Context": f"{TRACE}/13235353014750950193;o=1",
    "Function-Execution-Id": "abc123XYZ000",
}
PUSH = {
    "message": {"data": "e30=", "messageId": "1", "publishTime": "2026-01-01T00:00:00Z"},
    "subscription": "projects/p/subscriptions/s",
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_without_settings_the_answer_and_the_log_say_which_are_missing(function, tmp_path):
    with started(function, tmp_path, {"GOOGLE_CLOUD_PROJECT": "p"}) as running:
        answer = requests.post(running.url, json=PUSH, headers=HEADERS, timeout=60)
        [line] = running.lines("invalid configuration")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "misconfigured"
    for name in ENV:
        assert name in answer.json()["detail"]
        assert name in line["message"]
    assert line["severity"] == "ERROR"
    assert line["logging.googleapis.com/trace"] == f"projects/p/traces/{TRACE}"
    assert line["logging.googleapis.com/labels"] == {"execution_id": "abc123XYZ000"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_line_is_structured_however_hostile_the_request_is(function, tmp_path):
    nowhere = f"127.0.0.1:{free_port()}"
    settings = {
        **ENV,
        "STORAGE_EMULATOR_HOST": f"http://{nowhere}",
        "PUBSUB_EMULATOR_HOST": nowhere,
        "QUICKTHUMB_CALL_SECONDS": "1",
    }
    hostile = "%1b[2J%c2%9b%e2%80%ae<img%20src=x%20onerror=alert(1)>"
    with started(function, tmp_path, settings) as running:
        for method in ("GET", "POST", "PUT", "BREW"):
            for path in (f"/{hostile}", f"/?{hostile}={hostile}", f"/a%0d%0a{hostile}"):
                answer = requests.request(
                    *(method, running.url + path),
                    data=b"\x1b[2J\n<img src=x onerror=alert(1)>",
                    headers={**HEADERS, "Content-Type": "application/json"},
                    timeout=60,
                )
                assert answer.headers.get("content-type", "") in (
                    "application/json",
                    "application/problem+json",
                    "text/plain; charset=utf-8",
                )
                assert answer.text.removesuffix("\n").isprintable()
        lines = running.lines(
            "refused" if function in ("upload", "sweep") else "not a Pub/Sub message"
        )
    for line in lines:
        assert {"severity", "message", "logger"} <= line.keys()
        assert line["message"].isprintable()
        assert line["logging.googleapis.com/labels"] == {"execution_id": "abc123XYZ000"}
        assert line["logging.googleapis.com/trace"] == f"projects/p/traces/{TRACE}"


def part_of_a_body(port, path="/"):
    """Open a connection that sends a request, but not all of its body."""
    connection = socket.create_connection((HOST, port), timeout=60)
    connection.sendall(
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        "Content-Length: 1000\r\n\r\nsome".encode()
    )
    return connection


@pytest.mark.parametrize("function", ["resize", "sweep"])
def test_incomplete_bodies_do_not_block_a_function(function, tmp_path):
    with started(function, tmp_path, {**ENV, "THREADS": "2"}) as running:
        slow = [part_of_a_body(running.port) for _ in range(2)]  # one for each thread
        answer = requests.get(f"{running.url}/robots.txt", timeout=60)
        assert answer.status_code in (404, 405)
        for connection in slow:
            with connection:
                assert connection.recv(100).startswith(b"HTTP/1.1 ")


def test_an_incomplete_body_is_answered_and_its_connection_closed(tmp_path):
    settings = {
        **ENV,
        "STORAGE_EMULATOR_HOST": "http://127.0.0.1:1",
        "PUBSUB_EMULATOR_HOST": "127.0.0.1:1",
        "QUICKTHUMB_RECEIVE_SECONDS": "1",
    }
    with started("upload", tmp_path, settings) as running:
        for path in ("/", "/uploads"):
            with part_of_a_body(running.port, path) as connection:
                answer = b""
                while some := connection.recv(65536):  # until it is closed
                    answer += some
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b'"code":"request-timeout"' in answer


def test_upload_is_served_within_our_bounds(tmp_path):
    with started("upload", tmp_path, {}) as running:
        both = (
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        with socket.create_connection((HOST, running.port), timeout=60) as connection:
            connection.sendall(both + b"0\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
