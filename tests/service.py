"""The function `upload` with buckets and topics in memory, for tests of the API."""

from dataclasses import replace
from typing import Any

from starlette.testclient import TestClient

from quickthumb.api.records import Records
from quickthumb.api.routes import build
from quickthumb.messaging import Message
from quickthumb.resize import resize
from quickthumb.store import Store
from tests.doubles import MemoryBucket, MemoryKitchen, MemoryTopic
from tests.openapi import Contract
from tests.pictures import picture
from tests.settings import settings_with

SETTINGS = settings_with(
    max_upload_bytes=50_000,
)


class Service:
    """The routes with buckets and topics in memory; `work` runs the queued jobs."""

    def __init__(self, **settings: Any) -> None:
        self.originals = MemoryBucket("originals")
        self.processed = MemoryBucket("processed")
        self.uploads = MemoryTopic()
        self.store = Store(self.originals, self.processed)
        self.settings = replace(SETTINGS, **settings)
        self.kitchen = MemoryKitchen(self.settings.limits)
        self.requests = MemoryBucket("requests")
        self.app = build(self.store, Records(self.requests), self.uploads, self.settings)
        self.http = TestClient(self.app, raise_server_exceptions=False)
        self.contract = Contract(self.settings)
        self.http.event_hooks = {"response": [self._is_as_documented]}

    def post(self, filename: str = "cat.jpg", **arguments):
        files = {"file": (filename, picture())}
        return self.http.post("/", files=files, **arguments)

    def done(self, **arguments) -> str:
        """Return the id of a finished upload."""
        id = self.post(**arguments).json()["id"]
        self.work()
        return id

    def _is_as_documented(self, answer) -> None:
        answer.read()
        self.contract.check(answer.request.method, answer.request.url.path, answer)

    def work(self) -> None:
        while self.uploads.messages:
            self.work_once()

    def work_once(self) -> None:
        """Do the first of the jobs that wait."""
        body, attributes = self.uploads.messages.pop(0)
        message = Message(body, attributes, "1", 1)
        resize(message, self.store, MemoryTopic(), self.settings, self.kitchen)


def expect_problem(answer, status, code):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == f"/problems/{code}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"].endswith(".")
    return problem
