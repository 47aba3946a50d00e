import json
import logging

import pytest

from quickthumb import logs, tracing
from tests.service import Service

CLOUD = {"K_SERVICE": "upload", "QUICKTHUMB_UPLOADS_TOPIC": "projects/p/topics/uploads"}
TRACE = "0af7651916cd43dd8448eb211c80319c"
ID = "5b2f0c86d2d94c5e8f5f0c3a9b7d1e64"


@pytest.fixture
def configure(capsys):
    """Configure the log as in an environment; return what then gives what was written."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def configured(env):
        logs.configure(env)
        return lambda: capsys.readouterr().err

    yield configured
    logs.about(None)
    root.handlers[:] = handlers
    root.setLevel(level)


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
    assert "ValueError: no\nway" in line["message"]


def test_in_a_terminal_a_line_is_text_that_names_the_job_once(configure):
    written = configure({})
    logs.about(ID)
    logging.getLogger("quickthumb").info("accepted %s", ID)
    logging.getLogger("quickthumb").info("slow", extra=logs.fields(event="x"))
    assert written() == f"INFO accepted {ID}\nINFO slow [{ID}]\n"


def test_other_libraries_are_heard_from_warnings_on(configure):
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
    assert line.startswith("INFO refused: The multipart form cannot be read")
