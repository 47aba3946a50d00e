"""Events as lines, and the state as tables."""

from emulator.dashboard.lines import clock, line
from emulator.dashboard.tables import age, queue, status, table

JOB = {
    "kind": "ended",
    "time": 1000.0,
    "function": "resize",
    "instance": 2,
    "message": "m1",
    "subject": "order-7",
    "subjects": ["order-7"],
    "attempt": 1,
    "method": "POST",
    "path": "/",
    "status": 200,
    "milliseconds": 1234.5,
    "outcome": "done",
}
UPLOAD = JOB | {"function": "upload", "message": None, "attempt": None, "status": 202}


def test_a_job_is_a_line_with_instance_attempt_and_time():
    assert line(JOB) == ("resize", "order-7 done: instance 2, attempt 1, 1,234 ms")


def test_a_job_that_failed_or_was_killed_says_so():
    failed = line(JOB | {"status": 500, "outcome": "failed"})
    assert failed == ("resize", "order-7 failed with 500: instance 2, attempt 1, 1,234 ms")
    killed = line(JOB | {"status": None, "outcome": "killed"})
    assert killed == ("resize", "order-7 killed: instance 2, attempt 1, 1,234 ms")


def test_an_upload_is_a_line_and_reading_is_none():
    assert line(UPLOAD) == ("upload", "POST / 202: instance 2, 1,234 ms, order-7")
    assert line(UPLOAD | {"method": "GET"}) is None
    broken = UPLOAD | {"method": "GET", "status": 503, "outcome": "failed"}
    assert line(broken) == ("upload", "GET / 503: instance 2, 1,234 ms")


def test_a_retry_says_until_when_it_waits():
    failed = {
        "kind": "failed",
        "time": 1000.0,
        "subscription": "resize",
        "subject": "order-7",
        "attempt": 1,
        "next": 1010.0,
        "problem": "answered 500",
    }
    assert line(failed) == (
        "resize",
        f"order-7 waits 10 s, until {clock(1010.0)}, then attempt 2 (answered 500)",
    )
    again = line(failed | {"next": 1000.0, "problem": None})
    assert again == ("resize", "order-7 is delivered again at once: then attempt 2")


def test_what_is_published_and_begun_is_only_told_to_those_who_watch():
    published = {"kind": "published", "topic": "uploads", "subject": "order-7", "state": None}
    begun = JOB | {"kind": "began"}
    assert line(published) is line(begun) is None
    assert line(published, all=True) == ("uploads", "order-7 published")
    assert line(begun, all=True) == ("resize", "order-7 begins: instance 2, attempt 1")


def test_columns_are_aligned_numbers_at_the_right():
    assert table(("NAME", "N"), [("a", 5), ("bcdef", 1234)]) == (
        "NAME       N\na          5\nbcdef  1,234"
    )


def test_what_the_broker_does_not_tell_is_a_question_mark():
    assert table(("NAME", "N"), [("a", None)]) == "NAME  N\na     ?"


def test_ages_have_a_unit_that_fits():
    ages = [age(0.0, seconds) for seconds in (5, 119, 600, 7200, 200_000)]
    assert ages == ["5 s", "119 s", "10 min", "2 h", "2 days"]
    assert age(None) == "-"


def test_the_queue_says_when_and_why():
    message = {
        "subject": None,
        "message": "m1",
        "state": "waiting",
        "attempts": 2,
        "published": 990.0,
        "next": 1010.0,
        "problem": "answered 500",
    }
    rows = queue([("resize", message)], 1000.0).splitlines()
    for text in ("resize", "m1", "waiting", "2", "10 s", clock(1010.0), "answered 500"):
        assert text in rows[1]


def state(**numbers):
    told = dict.fromkeys(
        ("waiting", "in_flight", "delivered", "failed", "dead"), None if numbers else 0
    )
    return {
        "now": 1000.0,
        "untold": numbers.get("untold"),
        "functions": [
            {
                "name": "resize",
                "instances": [{"running": [{}, {}]}],
                "wanted_instances": 2,
                "concurrency": 10,
                "counts": {"done": 1, "failed": 2, "killed": 3},
                "paused": True,
                "slow": 3.0,
                "is_watched": True,
            }
        ],
        "subscriptions": [
            {
                "name": "resize",
                "kind": "push",
                "paused": True,
                "oldest": None,
                "next_retry": None,
                **told,
            }
        ],
    }


def test_the_status_shows_instances_and_what_was_changed():
    text = status(state())
    assert "resize          1/2  2/10     1       2       3  paused, each job 3 s longer" in text


def test_the_status_says_what_is_not_told():
    text = status(state(untold="Google's emulator does not tell."))
    assert text.endswith("? Google's emulator does not tell.")


def test_a_path_cannot_steer_the_terminal():
    told = line(UPLOAD | {"path": "/\x1b[2J\nü"})
    assert told == ("upload", "POST /\\x1b[2J\\nü 202: instance 2, 1,234 ms, order-7")
