"""Any content of a message, a blob or its metadata only affects that one.

The functions are loaded and called as functions-framework does it. What they answer decides what
Pub/Sub does: it delivers a message again after anything but a success, sixteen times to `resize`,
and then to `bury` until that has taken it.
"""

import base64
import json
import logging
import sys
from types import ModuleType
from typing import Any

import pytest
from functions_framework import create_app
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from emulator.parts.functions import SOURCE
from quickthumb.api.records import Records
from quickthumb.api.routes import build
from quickthumb.documents.job import Job
from quickthumb.documents.manifest import Manifest, Original, Thumbnail
from quickthumb.documents.names import ANNOUNCED, id_of, new_id
from quickthumb.documents.rendition import Rendition
from quickthumb.store import Store
from tests import hostile
from tests.doubles import MemoryBucket, MemoryCloud, left_in
from tests.pictures import picture
from tests.settings import settings_with

pytestmark = pytest.mark.slow

SETTINGS = settings_with(
    takeover_seconds=0,
    sweep_per_second=1_000_000,
)
PICTURE = picture()
ID = "0123456789abcdef" * 2
SIZES = (Rendition("8", 8, 8, "cover", "smart", "png", 80, "#ffffff", 5_000),)
NOTIFICATION = {
    "eventType": "OBJECT_FINALIZE",
    "bucketId": "originals",
    "objectId": "incoming/cat.jpg",
    "objectGeneration": "1",
}

hundred = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def functions():
    """Return the functions of messages and schedules: name to module and client."""
    root, package = logging.getLogger(), logging.getLogger("quickthumb")
    handlers, levels = root.handlers[:], (root.level, package.level)
    loaded = {}
    for name, signature in (("resize", "cloudevent"), ("bury", "cloudevent"), ("sweep", "http")):
        app = create_app(name, str(SOURCE), signature)
        loaded[name] = (sys.modules["main"], app.test_client())
    root.handlers[:] = handlers
    yield loaded
    root.setLevel(levels[0])
    package.setLevel(levels[1])


class House(MemoryCloud):
    """The functions over memory."""

    def __init__(self, functions: dict[str, tuple[ModuleType, Any]]) -> None:
        super().__init__()
        self.requests = MemoryBucket("requests")
        self.store = Store(self.originals, self.processed)
        self.clients = {}
        for name, (module, client) in functions.items():
            module.parts.settings = SETTINGS
            module.parts.store = self.store
            module.parts.uploads = self.uploads
            module.parts.completed = self.completed
            self.clients[name] = client
        app = build(self.store, Records(self.requests), self.uploads, SETTINGS)
        self.http = TestClient(app, raise_server_exceptions=False)

    def push(self, name: str, data: bytes, attributes: dict[str, str]) -> int:
        message = {
            "data": base64.b64encode(data).decode(),
            "attributes": attributes,
            "messageId": "1",
            "publishTime": "2026-01-01T00:00:00Z",
        }
        push = {"message": message, "subscription": "projects/p/subscriptions/s"}
        return self.clients[name].post("/", json=push).status_code

    def deliver(self, data: bytes, attributes: dict[str, str]) -> bool:
        """Deliver a message until it is acknowledged; tell whether `resize` took it."""
        answers = {self.push("resize", data, attributes) for _ in range(2)}
        assert answers in ({200}, {400})
        if answers == {200}:
            return True
        source = {"CloudPubSubDeadLetterSourceDeliveryCount": "16"}
        assert self.push("bury", data, attributes | source) == 200
        return False

    def sweep(self) -> dict[str, Any]:
        """Sweep everything, as if it were old enough, and return the report."""
        answer = self.clients["sweep"].post("/?start=&older_than=0")
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def kept(self) -> dict[str, bytes]:
        both = {**self.originals.blobs, **self.processed.blobs}
        return {name: data for name, (_, data) in both.items()}

    def asked(self, id: str) -> dict[str, Any] | None:
        """Ask the API how an upload stands, and for a thumbnail."""
        assert self.http.get(f"/{id}/8").status_code < 500
        answer = self.http.get(f"/{id}")
        assert answer.status_code in (200, 404), answer.text
        return answer.json() if answer.status_code == 200 else None

    def job(self) -> Job:
        return self.store.originals.keep(new_id(), PICTURE, "image/jpeg", "a.jpg", SIZES)


def a_job(name: str = ID, bucket: str = "originals") -> dict[str, Any]:
    """Return the members of a job of a blob that is there in a `House` that has one."""
    job = Job(id_of(bucket, name, 1), bucket, name, 1, SIZES, 5, "a.jpg")
    return json.loads(job.to_json())


@hundred
@given(hostile.bodies | hostile.spoiled(a_job()).map(str.encode))
@example(json.dumps(a_job(bucket="evil")).encode())
@example(json.dumps(a_job("incoming/cat.jpg", bucket="evil")).encode())
def test_a_message_with_any_body_is_taken_or_ends_with_the_dead_letters(functions, body):
    house = House(functions)
    house.originals.create(ID, PICTURE, "image/jpeg", {})
    before = house.kept()
    if not house.deliver(body, {"schema": "1"}):
        assert house.kept() == before
        assert not house.completed.messages


def odd_attributes():
    names = st.sampled_from([*NOTIFICATION, "schema", "googclient_traceparent", "traceparent"])
    odd = st.dictionaries(names | st.text(max_size=9), hostile.texts, max_size=4)
    return st.tuples(st.sampled_from([{}, NOTIFICATION]), odd).map(lambda both: both[0] | both[1])


@hundred
@given(odd_attributes(), hostile.bodies)
@example(NOTIFICATION | {"bucketId": "evil"}, b"{}")
@example(NOTIFICATION | {"objectGeneration": "१"}, b"{}")
def test_a_message_with_any_attributes_is_taken_or_ends_with_the_dead_letters(
    functions, attributes, body
):
    house = House(functions)
    house.originals.create("incoming/cat.jpg", PICTURE, "image/jpeg", {})
    before = house.kept()
    if not house.deliver(body, attributes):
        assert house.kept() == before
        assert not house.completed.messages


NAMES = st.sampled_from(
    [ID, ANNOUNCED + ID, "incoming/cat.jpg", "incoming/a\nb", "incoming/" + "ü" * 600]
)


def odd_metadata():
    renditions = (
        hostile.spoiled(SIZES[0].to_dict()).map(lambda text: f"[{text}]")
        | hostile.values
        | hostile.texts
    )
    members = {"renditions": renditions, "filename": hostile.texts, "other": hostile.texts}
    return st.fixed_dictionaries({}, optional=members)


@hundred
@given(NAMES, odd_metadata())
@example("incoming/cat.jpg", {"renditions": "[" * 3000})
@example(ID, {"renditions": "[" * 3000})
def test_an_original_with_any_metadata_ends_and_is_no_trouble_of_the_others(
    functions, name, metadata
):
    house = House(functions)
    generation = house.originals.create(name, PICTURE, "image/jpeg", metadata)
    id = id_of("originals", name, generation)
    house.asked(id)
    other = house.job()
    notified = NOTIFICATION | {"objectId": name, "objectGeneration": str(generation)}
    taken = house.deliver(b"{}", notified)
    assert house.sweep()["seen"] == 2
    assert other.id in [Job.from_json(body).id for body, _ in house.uploads.messages]
    state = house.asked(id)
    if "\n" not in name and len(name.encode()) <= 1024:  # or else Cloud Storage has no such blob
        assert state["status"] in (("done", "failed") if taken else ("failed",))
    assert house.http.delete(f"/{id}").status_code in (204, 404)


def a_manifest():
    original = Original("image/jpeg", 64, 48, 1, 5)
    thumb = Thumbnail("8", f"{ID}/8.png", "image/png", 8, 8, 5, "00" * 32)
    return json.loads(Manifest(ID, ID, 1, original, (thumb,), filename="a.jpg").to_json())


@hundred
@given(
    hostile.bodies | hostile.spoiled(a_manifest()).map(str.encode),
    hostile.bodies | hostile.spoiled({"count": 1, "name": ID}).map(str.encode),
    hostile.bodies | hostile.spoiled({"next": ID}).map(str.encode),
)
def test_a_job_succeeds_and_can_be_deleted_whatever_its_results_contain(
    functions, manifest, sweeps, cursor
):
    house = House(functions)
    job = house.job()
    for name, body in (
        (f"{job.id}/manifest.json", manifest),
        (f"{job.id}/sweeps.json", sweeps),
        ("sweep/cursor.json", cursor),
    ):
        house.processed.write(name, body, "application/json", "no-cache")
    house.asked(job.id)
    house.sweep()
    assert house.clients["sweep"].post("/").status_code == 200
    assert house.push("bury", job.to_json(), {}) == 200
    assert house.push("resize", job.to_json(), {}) == 200
    house.asked(job.id)
    assert house.http.delete(f"/{job.id}").status_code == 204
    assert left_in(house.processed) == ["sweep/cursor.json"]


def test_an_unreadable_manifest_is_reported_and_repaired_by_a_redelivery(functions):
    house = House(functions)
    job = house.job()
    house.processed.write(f"{job.id}/manifest.json", b"", "application/json", "no-cache")
    state = house.asked(job.id)
    assert (state["status"], state["error"]["code"]) == ("failed", "gave-up")
    assert "Upload the picture again" in state["error"]["detail"]
    assert house.push("resize", job.to_json(), {}) == 200
    assert house.asked(job.id)["status"] == "done"


@hundred
@given(
    hostile.bodies | hostile.spoiled({"fingerprint": "x", "ids": [ID]}).map(str.encode),
    hostile.bodies | hostile.spoiled({"status": 202, "document": {"id": ID}}).map(str.encode),
)
def test_a_request_gets_a_response_with_any_idempotency_record(functions, claim, answer):
    house = House(functions)
    key = {"Idempotency-Key": "k"}
    assert house.http.post("/", content=PICTURE, headers=key).status_code == 202
    for name in list(house.requests.blobs):
        body = claim if name.endswith("/claim") else answer
        house.requests.write(name, body, "application/json", "no-cache")
    again = house.http.post("/", content=PICTURE, headers=key)
    assert again.status_code in (202, 422)
    if again.status_code == 422:
        assert again.json()["code"] == "idempotency-key-reused"


@hundred
@given(
    hostile.spoiled(
        {
            "filename": "a.jpg",
            "content_type": "image/jpeg",
            "size": 100,
            "options": {"sizes": [8], "fit": "cover", "max_bytes": 5_000},
        }
    )
    | hostile.values
)
def test_any_announcement_is_taken_or_refused(functions, body):
    house = House(functions)
    answer = house.http.post("/uploads", content=body.encode())
    assert answer.status_code in (201, 400, 413), answer.text


@hundred
@given(hostile.texts, st.dictionaries(st.sampled_from(["sizes", "fit", "x"]), hostile.texts))
def test_a_picture_of_any_name_and_options_is_taken_or_refused(functions, filename, options):
    house = House(functions)
    files = {"file": (filename.encode(errors="replace").decode(), PICTURE)}
    answer = house.http.post("/", files=files, params=options)
    assert answer.status_code in (202, 400), answer.text
    if answer.status_code == 202:
        assert house.deliver(house.uploads.messages[0][0], {})
        assert house.asked(answer.json()["id"])["status"] == "done"


def test_a_dead_letter_larger_than_any_message_of_ours_does_not_come_again(functions):
    house = House(functions)
    assert house.push("resize", bytes(2**20), {}) == 413
    assert house.push("bury", bytes(2**20), {}) == 204


@pytest.mark.parametrize("seconds", ["241", "-1", "NaN", "inf", "1e999", "9" * 5000])
def test_a_sweep_by_hand_has_an_end(functions, seconds):
    answer = House(functions).clients["sweep"].post(f"/?start=&seconds={seconds}")
    assert answer.status_code == 400
    assert "expected whole seconds, at most 240" in answer.text
