"""What the processes of a function print, as `watched.py` writes it."""

import json

import pytest

from emulator.dashboard.flow import Flow
from emulator.dashboard.heard import EVENT, LOGGED, Heard, HeardStorage
from emulator.dashboard.records import Role
from emulator.parts.front import told
from emulator.parts.guest import watched


@pytest.fixture
def flow():
    return Flow({"resize": Role("pubsub")}, lambda pid: True)


@pytest.fixture
def heard(flow):
    return Heard(flow, "resize")


def begun(id="7-1", **members) -> str:
    event = {"began": id, "pid": 7, "time": 1.0, "method": "POST", "path": "/", **members}
    return EVENT + json.dumps(event)


def test_both_sides_use_the_same_marks():
    assert (watched.EVENT, watched.LOGGED) == (EVENT, LOGGED)
    assert told.EVENT == EVENT


def test_events_are_for_the_flow_and_log_lines_for_people_too(flow, heard):
    assert heard(EVENT + '{"started": 7, "time": 0.5}') is None
    assert heard(begun()) is None
    assert heard(f"{LOGGED}7-1{LOGGED}INFO half way") == "INFO half way"
    ended = {"ended": "7-1", "time": 3.0, "status": 200, "seconds": 2.0}
    assert heard(EVENT + json.dumps(ended)) is None
    [request] = flow.function("resize")["recent"]
    assert (request["outcome"], request["log"]) == ("done", ["INFO half way"])


def test_other_lines_stay_as_they_are(heard):
    assert heard("Traceback (most recent call last):") == "Traceback (most recent call last):"
    assert heard("") == ""


def test_an_empty_line_of_a_request_stays_empty(heard):
    heard(begun())
    assert heard(f"{LOGGED}7-1") == ""


@pytest.mark.parametrize(
    "torn", ['{"began": "7-', "[]", '{"began": "7-1"}', "null", '{"ended": "7-1", "time": "x"}']
)
def test_a_torn_event_is_shown_and_harms_nothing(flow, heard, torn):
    assert heard(EVENT + torn) == torn
    assert flow.sequence == 0


def test_gunicorns_guess_about_a_killed_process_is_not_shown(heard):
    assert heard("[7] [ERROR] Worker (pid:9) was sent SIGKILL! Perhaps out of memory?") is None


ID = "9c71239db089878a8c1fd34d0dcd9572"
TARGET = f"/upload/storage/v1/b/p-processed/o?uploadType=multipart&name={ID}%2F256.webp"


def test_storage_tells_of_what_it_has_stored(flow):
    heard = HeardStorage(flow, {"p-processed": "processed"})
    assert heard(told.stored(TARGET, 200)) is None
    [event] = flow.events(0)
    known = (event["kind"], event["bucket"], event["blob"], event["subject"])
    assert known == ("stored", "processed", f"{ID}/256.webp", ID)


@pytest.mark.parametrize(
    ("target", "status"),
    [(TARGET, 412), ("/storage/v1/b/p-processed/o?name=a", 200), (TARGET.partition("&")[0], 200)],
)
def test_storage_tells_of_nothing_else(target, status):
    assert told.stored(target, status) is None


def test_other_buckets_and_other_lines_of_storage_are_no_events(flow):
    heard = HeardStorage(flow, {"p-originals": "originals"})
    assert heard(told.stored(TARGET, 200)) is None
    assert heard("disk is full") == "disk is full"
    assert heard(f"{EVENT}[]") == "[]"
    assert flow.sequence == 0
