"""What is said on the topic `completed`, against docs/completed.schema.json."""

import json

import pytest
from jsonschema import Draft202012Validator, ValidationError

from emulator.bootstrap import ROOT
from quickthumb.bury import bury
from quickthumb.documents import completed
from quickthumb.messaging import Message
from quickthumb.resize import resize
from tests.doubles import MemoryKitchen, MemoryTopic
from tests.pictures import picture
from tests.service import Service

FILE = ROOT / "docs" / "completed.schema.json"
SCHEMA = json.loads(FILE.read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
BROKEN = picture(400, 300, format="PNG")[:300]


def events_of(*files, work=None):
    """Upload files, have them worked on, and return what is said of them."""
    service, topic = Service(), MemoryTopic()
    for file in files:
        assert service.http.post("/", files={"file": ("cat.jpg", file)}).status_code == 202
    for body, attributes in service.uploads.messages:
        message = Message(body, attributes, "1", 1)
        if work is bury:
            bury(message, service.store, topic)
        else:
            resize(message, service.store, topic, service.settings, MemoryKitchen())
    return [(json.loads(data), attributes) for data, attributes in topic.messages]


def test_the_file_is_what_the_types_say():
    assert FILE.read_text() == completed.text(), completed.__doc__


def test_the_schema_is_one_and_describes_every_member():
    Draft202012Validator.check_schema(SCHEMA)
    members = SCHEMA["properties"]
    assert all("description" in member or "const" in member for member in members.values())
    assert set(SCHEMA["required"]) == set(members)


@pytest.mark.parametrize(
    ("file", "work", "state"),
    [
        (picture(), resize, "done"),
        (BROKEN, resize, "failed"),
        (picture(), bury, "failed"),
    ],
    ids=["done", "failed", "given up"],
)
def test_every_event_is_what_the_schema_says(file, work, state):
    [(event, attributes)] = events_of(file, work=work)
    VALIDATOR.validate(event)
    assert event["state"] == state
    assert attributes == {"schema": event["schema"], "id": event["id"], "state": state}


def test_each_job_has_one_event():
    events = events_of(picture(), picture(9, 9), BROKEN)
    assert [event["state"] for event, _ in events] == ["done", "done", "failed"]
    assert len({event["id"] for event, _ in events}) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"state": "queued"},
        {"failure": {"code": "corrupt", "detail": "It ends early."}},
        {"thumbnails": []},
        {"original": None},
        {"colour": "red"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_inconsistent_event_is_rejected(change):
    [(event, _)] = events_of(picture())
    with pytest.raises(ValidationError):
        VALIDATOR.validate(event | change)
