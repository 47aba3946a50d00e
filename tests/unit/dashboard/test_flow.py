"""What the flow remembers of what it is told."""

import base64

import pytest

from emulator.dashboard.flow import MOST_EVENTS
from emulator.dashboard.subject import subject_of, uploads_in
from tests.unit.dashboard.story import ID, Story, encoded


@pytest.fixture
def story():
    return Story()


def test_an_upload_is_queued_worked_on_and_done(story):
    call = story.calls()
    story.publishes()
    story.flow.logged(call, f"INFO accepted {ID}: image/jpeg, 9 bytes")
    story.ends(call, 202)
    assert story.state == "queued"
    job = story.begins()
    assert story.state == "working"
    story.ends(job)
    assert story.state == "done"
    assert story.kinds() == ["published", "ended", "began", "ended"]


def test_the_event_of_a_finished_job_says_how_it_ended(story):
    story.publishes()
    job = story.begins()
    story.publishes("m2", "completed", id=ID, state="failed")
    story.ends(job)
    assert story.state == "failed"


def test_a_failed_delivery_waits_until_the_broker_delivers_again(story):
    story.publishes()
    story.ends(story.begins(), 500)
    story.tells("failed", next=5000.0, problem="answered 500")
    life = story.flow.life(ID)
    assert (life["state"], life["next_retry"]) == ("waiting", 5000.0)
    story.begins(attempt=2)
    life = story.flow.life(ID)
    assert (life["state"], life["next_retry"], life["attempts"]) == ("working", None, 2)


def test_a_message_that_has_died_leaves_a_letter_that_knows_why(story):
    story.publishes(data=base64.b64encode(b"nonsense").decode())
    story.tells("dead", attempt=5, problem="answered 400", topic="p/topics/dead", letter="m9")
    died = {"CloudPubSubDeadLetterSourceDeliveryCount": "5"}
    story.publishes("m9", "dead", base64.b64encode(b"nonsense").decode(), **died)
    letter = story.flow.message("m9")
    assert (letter.subject, letter.problem, letter.topic) == ("m1", "answered 400", "dead")
    assert story.flow.life("m9") == story.flow.life("m1")
    assert story.flow.life("m1")["state"] == "dead"


def test_who_hears_late_that_the_process_was_killed_knows_still_that_the_job_is_dead(story):
    story.publishes()
    story.begins()
    story.tells("dead", attempt=5, problem=None, topic="p/topics/dead", letter="m9")
    story.alive.clear()
    story.flow.look("resize", story.tick())
    assert story.state == "dead"


def test_without_a_broker_that_tells_the_one_who_buries_shows_that_a_job_is_dead(story):
    story.ends(story.begins(), 500)
    story.ends(story.begins("bury", pid=3, message="m9"))
    assert story.state == "dead"


def test_without_a_count_by_the_broker_attempts_are_those_that_were_seen(story):
    story.ends(story.begins(), 500)
    story.begins()
    assert story.flow.life(ID)["attempts"] == 2


def test_a_process_that_has_ended_takes_its_requests_along(story):
    story.flow.started("resize", 1, story.tick())
    story.begins()
    story.alive.remove(1)
    story.flow.started("resize", 4, story.tick())
    function = story.flow.function("resize")
    assert function["counts"] == {"done": 0, "failed": 0, "killed": 1}
    [killed] = function["recent"]
    assert (killed["outcome"], killed["status"], killed["milliseconds"]) == ("killed", None, 1000.0)
    [instance] = function["instances"]
    assert (instance["number"], instance["pid"]) == (1, 4)
    assert story.state == "waiting"


def test_an_instance_has_the_smallest_number_that_is_free(story):
    for pid in (1, 2, 3):
        story.flow.started("resize", pid, story.tick())
    story.alive = {1, 3, 4}
    story.flow.started("resize", 4, story.tick())
    numbers = {each["number"]: each["pid"] for each in story.flow.function("resize")["instances"]}
    assert numbers == {1: 1, 2: 4, 3: 3}


def test_the_busiest_instance_comes_first(story):
    story.begins(pid=1)
    story.begins(pid=2, message="m2")
    story.begins(pid=2, message="m3")
    assert story.flow.busy("resize") == [(2, 2, 2), (1, 1, 1)]


def test_a_request_has_its_log_and_the_state_its_end(story):
    job = story.begins()
    for number in range(10):
        story.flow.logged(job, f"line {number}")
    [instance] = story.flow.function("resize")["instances"]
    [listed] = instance["running"]
    assert (listed["log"], listed["log_lines"]) == (["line 7", "line 8", "line 9"], 10)
    assert len(story.flow.request(job)["log"]) == 10
    story.ends(job)
    assert len(story.flow.request(job)["log"]) == 10
    assert story.flow.request("0-0") is None


def test_a_clients_mistake_is_no_failure_of_a_function_but_a_refused_job_is(story):
    story.ends(story.calls(), 404)
    story.ends(story.begins(), 400)
    assert story.flow.function("upload")["counts"]["failed"] == 0
    assert story.flow.function("resize")["counts"]["failed"] == 1
    [failure] = story.flow.function("resize")["failures"]
    assert failure["status"] == 400


def test_reading_an_upload_is_no_part_of_its_life(story):
    story.publishes()
    story.ends(story.calls("GET", f"/{ID}"))
    assert story.kinds() == ["published"]


def test_deleting_an_upload_is_part_of_its_life(story):
    story.publishes()
    story.ends(story.calls("DELETE", f"/{ID}"), 204)
    assert story.kinds() == ["published", "ended"]


def test_the_message_of_an_upload_is_its_job_not_its_end(story):
    story.publishes()
    story.begins()
    story.publishes("m2", "completed", id=ID, state="done")
    assert story.flow.message(ID).id == "m1"
    assert story.flow.message(ID).subscription == "resize"
    assert story.flow.message("m2").id == "m2"
    assert story.flow.message("unknown") is None


def test_readers_get_the_events_after_a_number(story):
    story.publishes()
    first = story.flow.sequence
    story.publishes("m2")
    story.publishes("m3")
    assert [event["message"] for event in story.flow.events(first)] == ["m2", "m3"]
    assert story.flow.events(story.flow.sequence) == []
    assert story.flow.wait(first, 0)
    assert not story.flow.wait(story.flow.sequence, 0)


def test_a_reader_that_fell_far_behind_is_told_so(story):
    for number in range(MOST_EVENTS + 1):
        story.publishes(f"m{number}")
    assert story.flow.events(0) is None
    assert len(story.flow.events(1)) == MOST_EVENTS


def test_a_long_life_keeps_its_beginning_and_its_end(story):
    story.publishes()
    for number in range(300):
        story.tells("failed", attempt=number, next=0.0, problem=None)
    life = story.flow.life(ID)
    assert life["entries"][0]["kind"] == "published"
    assert life["entries"][-1]["attempt"] == 299
    assert len(life["entries"]) + life["left_out"] == 301


def test_only_the_latest_lives_are_remembered(story):
    for number in range(3000):
        story.publishes(f"m{number}", data=encoded({"id": f"upload-{number}"}))
    assert story.flow.life("upload-0") is None
    assert story.flow.life("upload-2999")["state"] == "queued"
    assert [each["id"] for each in story.flow.uploads(2)] == ["upload-2999", "upload-2998"]


def test_listeners_hear_each_event(story):
    heard = []
    story.flow.listen(heard.append)
    story.publishes()
    story.flow.did(story.tick(), "pause", "resize is paused.")
    assert [event["kind"] for event in heard] == ["published", "action"]


@pytest.mark.parametrize(
    ("attributes", "data", "subject"),
    [
        ({}, encoded({"id": "order-7"}), "order-7"),
        ({"id": "order-8"}, encoded({"size": 1}), "order-8"),
        ({"id": "order-8"}, encoded({"id": "order-7"}), "order-7"),
        ({"objectId": "incoming/cat.jpg"}, "", "incoming/cat.jpg"),
        ({}, encoded([1, 2]), None),
        ({}, encoded({"id": 7}), None),
        ({"id": "order-8"}, encoded({"id": "\x1b[2J"}), "order-8"),
        ({"objectId": "two\nlines"}, "", None),
        ({}, "no base64", None),
        (None, None, None),
    ],
)
def test_a_message_says_what_it_is_about(attributes, data, subject):
    assert subject_of(attributes, data) == subject


def test_ids_of_uploads_are_found_in_lines():
    assert uploads_in(f"accepted {ID}: image/png") == [ID]
    assert uploads_in(f"sha256 {ID}{ID}") == []


def test_what_is_stored_before_its_job_is_published_belongs_to_its_life():
    story = Story()
    story.flow.stored("originals", ID, story.tick())
    assert story.flow.life(ID) is None
    story.publishes()
    story.flow.stored("processed", f"{ID}/256.webp", story.tick())
    kinds = [entry["kind"] for entry in story.flow.life(ID)["entries"]]
    assert kinds == ["stored", "published", "stored"]


def test_large_data_is_not_remembered_whoever_tells_of_it_first(story):
    large = encoded({"id": ID, "text": "x" * 100_000})
    story.publishes("m1", data=large)
    story.tells("dead", "m0", problem="why", topic="projects/p/topics/dead", letter="m2", next=None)
    story.publishes("m2", topic="dead", data=large)
    assert [story.flow.message(id).data for id in ("m1", "m2")] == [None, None]
    assert story.flow.message("m2").topic == "dead"


def test_a_message_keeps_its_topic_when_it_turns_out_to_be_a_letter(story):
    story.publishes("m2", topic="dead", data=encoded({"id": ID, "text": "x" * 100_000}))
    story.tells("dead", "m0", problem="why", topic="projects/p/topics/dead", letter="m2", next=None)
    assert story.flow.message("m2").topic == "dead"
