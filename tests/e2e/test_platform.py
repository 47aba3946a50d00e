"""What a function logs and answers where it is started as on Google Cloud."""

import pytest
import requests

from emulator.ports import free_port
from tests.e2e.started import started

FUNCTIONS = ["upload", "resize", "bury", "sweep"]
SETTINGS = {
    "QUICKTHUMB_ORIGINALS_BUCKET": "originals",
    "QUICKTHUMB_PROCESSED_BUCKET": "processed",
    "QUICKTHUMB_REQUESTS_BUCKET": "requests",
    "QUICKTHUMB_UPLOADS_TOPIC": "projects/p/topics/uploads",
    "QUICKTHUMB_COMPLETED_TOPIC": "projects/p/topics/completed",
}
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
        [line] = running.lines("cannot start")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "misconfigured"
    for name in SETTINGS:
        assert name in answer.json()["detail"]
        assert name in line["message"]
    assert line["severity"] == "ERROR"
    assert line["logging.googleapis.com/trace"] == f"projects/p/traces/{TRACE}"
    assert line["logging.googleapis.com/labels"] == {"execution_id": "abc123XYZ000"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_line_is_structured_however_hostile_the_request_is(function, tmp_path):
    nowhere = f"127.0.0.1:{free_port()}"
    settings = {
        **SETTINGS,
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
            "refused" if function in ("upload", "sweep") else "no Pub/Sub message"
        )
    for line in lines:
        assert {"severity", "message", "logger"} <= line.keys()
        assert line["message"].isprintable()
        assert line["logging.googleapis.com/labels"] == {"execution_id": "abc123XYZ000"}
        assert line["logging.googleapis.com/trace"] == f"projects/p/traces/{TRACE}"
