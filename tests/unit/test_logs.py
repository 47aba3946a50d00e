"""What is logged, and what must never be."""

import json
import logging
import logging.config
import os
import subprocess
import sys
import threading
import unicodedata
import warnings
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emulator.bootstrap import ROOT
from quickthumb import logs, tracing
from quickthumb.logs.lines import Json, Text
from quickthumb.logs.ration import Ration
from quickthumb.printable import printable
from tests.log_kept import log_kept
from tests.service import Service

CLOUD = {"K_SERVICE": "upload", "QUICKTHUMB_UPLOADS_TOPIC": "projects/p/topics/uploads"}
TRACE = "0af7651916cd43dd8448eb211c80319c"
ID = "5b2f0c86d2d94c5e8f5f0c3a9b7d1e64"


@pytest.fixture
def configure(capsys):
    """Configure the log as in an environment; return what then gives what was written."""

    def configured(env):
        logs.configure(env)
        return lambda: capsys.readouterr().err

    with log_kept():
        yield configured


def test_on_cloud_run_a_line_is_json_with_its_severity_and_job(configure):
    written = configure(CLOUD)
    logs.about(ID)
    logging.getLogger("quickthumb.x").warning("so %s", "so")
    assert json.loads(written()) == {
        "severity": "WARNING",
        "message": "so so",
        "logger": "quickthumb.x",
        "job": ID,
    }


def test_on_cloud_run_a_line_has_the_trace_of_its_request(configure):
    written = configure(CLOUD)
    context = tracing.of_request({"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
    with tracing.span("request", context):
        logging.getLogger("quickthumb").info("hello")
    line = json.loads(written())
    assert line["logging.googleapis.com/trace"] == f"projects/p/traces/{TRACE}"
    assert line["logging.googleapis.com/spanId"] == "b7ad6b7169203331"
    assert line["logging.googleapis.com/trace_sampled"] is True


def test_fields_of_a_line_are_members_of_its_json(configure):
    written = configure(CLOUD)
    told = logs.fields(event="accepted", bytes_in=17)
    logging.getLogger("quickthumb").info("accepted", extra=told)
    line = json.loads(written())
    assert (line["event"], line["bytes_in"]) == ("accepted", 17)


def test_an_exception_is_one_line_of_json(configure):
    written = configure(CLOUD)
    try:
        raise ValueError("no\nway")
    except ValueError:
        logging.getLogger("quickthumb").exception("it broke")
    [line] = map(json.loads, written().splitlines())
    assert line["severity"] == "ERROR"
    first, *_, last = line["message"].splitlines()
    assert (first, last) == ("it broke", r"ValueError: no\nway")
    assert "Traceback (most recent call last):" in line["message"]


def test_in_a_terminal_a_line_is_text_that_names_the_job_once(configure):
    written = configure({})
    logs.about(ID)
    logging.getLogger("quickthumb").info("accepted %s", ID)
    logging.getLogger("quickthumb").info("slow", extra=logs.fields(event="x"))
    assert written() == f"INFO accepted {ID}\nINFO slow [{ID}]\n"


def test_libraries_log_warnings_and_above(configure):
    written = configure({})
    logging.getLogger("urllib3").info("a connection")
    logging.getLogger("urllib3").warning("a refusal")
    assert written() == "WARNING a refusal\n"


def test_a_malformed_form_is_told_once_and_in_our_words(configure):
    service = Service()
    written = configure({})
    answer = service.http.post(
        "/",
        content=b"--b\r\nno header here\r\n",
        headers={"content-type": "multipart/form-data; boundary=b"},
    )
    assert answer.status_code == 400
    [line] = written().splitlines()
    assert line.startswith("INFO refused: The multipart form is malformed")


# Whatever comes into a line, it is a line.

HOSTILE = "\r\n\x00\x1b[31m\x7f\x85\x9b2J\u2028\u2029\u202e\u2066\u200b\ufeff\ud800\U000e0041"


def hostile_text():
    return st.text(
        st.sampled_from(HOSTILE + "ab \u00e9\U0001f600") | st.characters(codec=None), max_size=60
    )


def record_of(message, *args, name="quickthumb", error=None, **fields):
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord(name, logging.WARNING, "x.py", 1, message, args, info)
    record.fields = fields
    return record


def raised(error, cause=None):
    try:
        raise error from cause
    except Exception as caught:
        return caught


def is_harmless(text):
    """Tell whether a terminal prints this as it is."""
    return all(letter == " " or unicodedata.category(letter)[0] not in "CZ" for letter in text)


@given(hostile_text(), hostile_text(), hostile_text())
@example(HOSTILE, HOSTILE, HOSTILE)
def test_nothing_hostile_reaches_a_line(message, argument, text):
    error = raised(ValueError(text), raised(KeyError(argument)))
    error.add_note(text)
    for record in (
        record_of(message.replace("%", "") + "%s", argument, name=text, told=text),
        record_of("%r and %s", argument, error, error=error),
        record_of("%d", argument, error=ExceptionGroup("several", [error])),
    ):
        line = Json("p").format(record)
        assert line.isascii()
        assert line.isprintable()
        message, *further = json.loads(line)["message"].split("\n")
        assert all(map(is_harmless, [message, *further]))
        first, *others = Text().format(record).split("\n")
        assert first.startswith("WARNING ")
        assert all(line.startswith("    ") for line in others)
        assert all(map(is_harmless, [first, *others]))


@pytest.mark.parametrize("letter", ["\U000e0041", "\U0001f600", "\x1b", '"', "a"])
def test_a_line_fits_into_an_entry_of_cloud_logging(letter):
    def fail(depth):
        if depth:
            fail(depth - 1)
        raise ValueError(letter * 1_000_000)

    errors = [raised(ValueError(letter * 1_000_000)) for _ in range(50)]
    try:
        fail(300)
    except ValueError as caught:
        error = caught
    for cause, effect in zip(errors, [*errors[1:], error], strict=True):
        effect.__cause__ = cause
    for _ in range(50):
        error.add_note(letter * 1_000_000)
    told = {f"field_{number}": letter * 1_000_000 for number in range(5)}
    record = record_of("%s", letter * 1_000_000, error=error, **told)
    assert len(Json("p").format(record).encode()) < 250 * 1024
    assert len(Text().format(record).encode()) < 250 * 1024


@given(hostile_text(), st.integers(0, 80))
def test_a_text_that_is_shown_is_whole_or_says_what_is_missing(text, most):
    shown = printable(text, most)
    assert is_harmless(shown)
    if len(text) > most:
        assert f"[{len(text) - 2 * (most // 2)} characters left out]" in shown
    elif text.isprintable():
        assert shown == text


def test_an_exception_that_cannot_be_formatted_is_logged():
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("no")

    class Deaf:
        def __repr__(self):
            raise RuntimeError("no")

    assert "Mute that cannot be shown: RuntimeError" in Json(None).format(
        record_of("%s", "x", error=raised(Mute()))
    )
    assert "%r (invalid arguments)" in Text().format(record_of("%r", Deaf()))


def test_exceptions_that_caused_each_other_in_a_circle_are_told_once():
    one, other = raised(ValueError("one")), raised(ValueError("other"))
    one.__cause__, other.__cause__ = other, one
    message = json.loads(Json(None).format(record_of("%s", "x", error=one)))["message"]
    assert message.count("ValueError: one") == message.count("ValueError: other") == 1


def test_fields_that_json_does_not_know_are_told_as_text(configure):
    written = configure(CLOUD)
    told = logs.fields(where=Path("x"), much=float("inf"), none=None, yes=True, half=0.5)
    logging.getLogger("quickthumb").info("x", extra=told)
    line = json.loads(written(), parse_constant=pytest.fail)
    assert (line["where"], line["much"], line["none"]) == ("x", "inf", None)
    assert (line["yes"], line["half"]) == (True, 0.5)


@pytest.mark.parametrize("id", ["0aZ-_9", None, "", "a b", "a\nb", "x" * 65, "\u0661"])
def test_a_line_has_the_execution_that_the_platform_names(configure, id):
    written = configure(CLOUD)
    logs.during(id)
    logging.getLogger("quickthumb").info("x")
    labels = {"execution_id": "0aZ-_9"} if id == "0aZ-_9" else None
    assert json.loads(written()).get("logging.googleapis.com/labels") == labels


# What others write, and what they do to the log.


def test_a_picture_that_makes_a_library_warn_90_000_times_writes_few_lines(configure):
    written = configure(CLOUD)
    for tag in range(90_000):
        warnings.warn(f"Skipping tag {tag}", stacklevel=1)
    logging.getLogger("quickthumb").info("done")
    *first, left_out, last = [json.loads(line) for line in written().splitlines()]
    assert len(first) == 20
    assert first[0]["message"].startswith("UserWarning: Skipping tag 0 (")
    assert first[0]["logger"] == "py.warnings"
    assert left_out["message"] == "py.warnings WARNING: 89980 more lines were dropped"
    assert last["message"] == "done"


def test_warnings_are_not_remembered(configure):
    configure(CLOUD)
    registry = globals().setdefault("__warningregistry__", {})
    before = len(registry)
    for number in range(1000):
        warnings.warn(f"a text of the sender's choice: {number}", stacklevel=1)
    assert len(registry) - before < 5


def test_rare_lines_of_a_library_are_not_dropped_because_of_frequent_ones(configure):
    written = configure({})
    for _ in range(1000):
        logging.getLogger("chatty").warning("again")
    logging.getLogger("chatty").error("something else")
    logging.getLogger("rare").warning("me too")
    lines = written().splitlines()
    assert lines[20:] == ["ERROR something else", "WARNING me too"]


def test_lines_of_our_own_are_all_written(configure):
    written = configure({})
    for number in range(1000):
        logging.getLogger("quickthumb.store").warning("%d", number)
    assert len(written().splitlines()) == 1000


def test_a_ration_is_for_a_while_and_what_it_left_out_is_told_once():
    clock = [0.0]
    ration = Ration(2, 60, lambda: clock[0])
    assert [ration.admits("a") for _ in range(5)] == [True, True, False, False, False]
    assert ration.admits("b")
    assert ration.left_out(at_once=False) == {}
    clock[0] = 60
    assert ration.left_out(at_once=False) == {"a": 3}
    assert ration.left_out(at_once=True) == {}
    assert [ration.admits("a") for _ in range(3)] == [True, True, False]
    assert ration.left_out(at_once=True) == {"a": 1}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 100)) | st.booleans()))
def test_every_line_is_written_or_told_to_be_left_out(events):
    clock, written, told, sent = [0.0], 0, 0, 0
    ration = Ration(3, 60, lambda: clock[0])
    for event in events:
        if isinstance(event, bool):
            told += sum(ration.left_out(at_once=event).values())
        else:
            source, pause = event
            clock[0] += pause
            told += sum(ration.left_out(at_once=False).values())
            sent += 1
            written += ration.admits(source)
    told += sum(ration.left_out(at_once=True).values())
    assert written + told == sent


def platform_configures():
    """Configure the log as functions-framework does behind `LOG_EXECUTION_ID`."""
    logging.config.dictConfig(
        {
            "version": 1,
            "handlers": {"asgi": {"class": "logging.StreamHandler"}},
            "root": {"level": "WARNING", "handlers": ["asgi"]},
        }
    )


def test_the_log_survives_later_configuration_by_others(configure):
    written = configure(CLOUD)
    for name in ("quickthumb.store", "somebody"):
        logging.getLogger(name)  # only those that exist are disabled
    for _ in range(2):
        platform_configures()
        assert logging.getLogger("quickthumb.store").disabled
        logs.restore()
        logging.getLogger("quickthumb.store").info("ours")
        logging.getLogger("somebody").warning("theirs\n")
    assert [json.loads(line)["message"] for line in written().splitlines()] == [
        *("ours", "theirs") * 2
    ]


def test_the_servers_write_their_errors_into_our_log_and_nothing_else(configure):
    written = configure(CLOUD)
    # As gunicorn and uvicorn's worker set them up.
    names = ("gunicorn.error", "uvicorn.error", "gunicorn.access", "uvicorn.access")
    server, worker, *access = map(logging.getLogger, names)
    for logger in (server, worker, *access):
        logger.propagate = False
        logger.setLevel(logging.INFO)
    server.addHandler(logging.StreamHandler(sys.stderr))
    worker.handlers = server.handlers
    logs.restore()
    for logger in (server, worker):
        logger.error("Error handling request %s", "/\x1b[2J")
    for logger in access:
        logger.info("GET /\x1b[2J")
    lines = [json.loads(line) for line in written().splitlines()]
    assert [line["logger"] for line in lines] == ["gunicorn.error", "uvicorn.error"]
    assert {line["message"] for line in lines} == {r"Error handling request /\x1b[2J"}


def test_a_logger_without_a_handler_logs_warnings_and_above(configure):
    written = configure({})
    silent = logging.getLogger("silent")
    silent.propagate = False
    silent.info("nothing")
    silent.warning("a\nline")
    assert written() == "WARNING a\\nline\n"


def test_without_a_configured_log_there_is_nothing_to_restore():
    with log_kept():
        logs.setup.handler = None
        before = logging.getLogger().handlers[:]
        logs.restore()
        assert logging.getLogger().handlers == before


def test_uncaught_exceptions_are_logged(configure):
    written = configure(CLOUD)

    def fail():
        raise ValueError("no\nway")

    thread = threading.Thread(target=fail, name="worker")
    thread.start()
    thread.join()
    line = json.loads(written())
    assert line["message"].startswith("uncaught in thread worker\nTraceback")
    assert line["message"].endswith(r"ValueError: no\nway")

    class Last:
        def __del__(self):
            raise ValueError("no\nway")

    Last()
    line = json.loads(written())
    assert line["message"].endswith(r"ValueError: no\nway")


def test_a_process_that_dies_says_why_in_one_line():
    code = """
        import sys
        from quickthumb import logs
        logs.configure({"K_SERVICE": "x"})
        raise ValueError("no\\nway")
    """
    result = subprocess.run(
        [sys.executable, "-c", "\n".join(line.strip() for line in code.splitlines())],
        env=os.environ | {"PYTHONPATH": str(ROOT / "functions")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    line = json.loads(result.stderr)
    assert line["severity"] == "CRITICAL"
    assert line["message"].endswith(r"ValueError: no\nway")


def test_an_unwritable_stream_is_ignored(configure, monkeypatch):
    class Full:
        def write(self, _):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stderr", Full())
    configure({})
    logging.getLogger("quickthumb").info("x")
