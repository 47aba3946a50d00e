"""The arithmetic, the schedule and the counts of a load."""

import json
import math
import statistics
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.client import Client, Failed
from emulator.commands.load import plot, report
from emulator.load import Load, Plan, Tally, arrivals, delete, paced, percentile
from emulator.ports import HOST
from tests.pictures import ROCKET


class Clock:
    """A clock that only advances while something waits."""

    def __init__(self):
        self.now = 1000.0
        self.pauses = 0

    def __call__(self):
        return self.now

    def pause(self, seconds):
        assert seconds >= 0
        self.now += seconds
        self.pauses += 1
        return False


@pytest.mark.parametrize(("rate", "seconds"), [(10, 30), (0.5, 7), (1000, 3), (0.001, 1)])
def test_the_rate_is_exact_and_arrivals_are_in_order(rate, seconds):
    due = list(arrivals(rate, seconds))
    assert len(due) == max(1, round(rate * seconds))
    assert due == sorted(due)
    assert 0 < due[0] <= due[-1] < seconds


def test_arrivals_are_those_of_a_poisson_process():
    gaps = [after - before for before, after in pairwise(arrivals(100, 100))]
    mean = statistics.mean(gaps)
    assert mean == pytest.approx(0.01, rel=0.02)
    assert statistics.stdev(gaps) == pytest.approx(mean, rel=0.05)  # an even rate has 0
    longer = sum(gap > mean for gap in gaps) / len(gaps)
    assert longer == pytest.approx(math.exp(-1), abs=0.02)


def test_runs_have_the_same_arrivals_and_other_seeds_have_others():
    assert list(arrivals(5, 10)) == list(arrivals(5, 10)) != list(arrivals(5, 10, seed=2))


def test_each_is_sent_when_it_is_due():
    clock = Clock()
    sent = [(due, clock.now) for due in paced([0.5, 2, 2, 7], clock.pause, clock)]
    assert sent == [(at, at) for at in (1000.5, 1002, 1002, 1007)]


def test_late_pictures_are_sent_immediately_and_count_from_when_they_were_due():
    clock, sent = Clock(), []
    for due in paced([1, 2, 3, 10], clock.pause, clock):
        sent.append((due, clock.now))
        clock.now += 5 if len(sent) == 1 else 0
    assert sent == [(1001, 1001), (1002, 1006), (1003, 1006), (1010, 1010)]


def test_sending_can_be_stopped():
    clock = Clock()

    def pause(seconds):
        return clock.pause(seconds) or clock.pauses == 3

    assert list(paced([1, 2, 3], pause, clock)) == [1001, 1002]


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.001, 1))
def test_a_percentile_is_the_smallest_value_that_this_share_does_not_exceed(values, share):
    ordered = sorted(values)
    figure = percentile(ordered, share)
    assert figure in values
    assert sum(value <= figure for value in values) >= share * len(values) * (1 - 1e-12)
    assert sum(value < figure for value in values) < share * len(values) * (1 + 1e-12)


class Service:
    """A client whose uploads behave as the test says."""

    def __init__(self, upload=lambda number: None, wait=lambda number: None):
        self._upload, self._wait = upload, wait
        self._lock = threading.Lock()
        self.uploads = 0
        self.stopped = threading.Event()

    def upload(self, path, options, *, is_repeated):
        assert not is_repeated
        with self._lock:
            self.uploads += 1
            number = self.uploads
        self._upload(number)
        return str(number)

    def wait(self, id, seconds):
        self._wait(int(id))

    def stop(self):
        self.stopped.set()


def played(service, rate, seconds, at_once=100, patience=10.0):
    load = Load(service, Plan([ROCKET], {}, rate, seconds, at_once, patience))
    load.start()
    while not load.wait(30):
        pass
    return load.close()


def accounted(tally):
    ends = len(tally.done) + tally.refused.total() + tally.failures.total() + tally.interrupted
    return ends == tally.sent


def test_a_stalled_service_delays_all_pictures_due_meanwhile():
    start = time.monotonic()
    tally = played(Service(lambda _: time.sleep(max(0, start + 0.5 - time.monotonic()))), 100, 1)
    assert (tally.sent, tally.unsent, len(tally.done)) == (100, 0, 100)
    # A closed loop of one client would have seen one slow upload.
    assert sum(seconds > 0.1 for seconds in tally.answered) >= 30
    assert max(tally.answered) == pytest.approx(0.5, abs=0.15)


def test_pictures_due_while_too_many_are_in_flight_are_counted_but_not_sent():
    service = Service(lambda _: time.sleep(0.3))
    tally = played(service, 100, 1, at_once=2)
    assert tally.sent == service.uploads <= 8
    assert tally.sent + tally.unsent == 100
    assert accounted(tally)


def test_failures_are_counted_by_code():
    def upload(number):
        if number % 4 == 1:
            raise Failed("Busy.", "503 overloaded", is_busy=True)
        if number % 4 == 2:
            raise Failed("No\x1bpicture.", "415 not-a-picture")
        if number % 4 == 3:
            raise RuntimeError("a bug")

    tally = played(Service(upload), 200, 0.2)
    assert tally.refused == {"503 overloaded": 10}
    assert tally.failures == {"415 not-a-picture": 10, "RuntimeError": 10}
    assert tally.reasons["415 not-a-picture"] == "rocket.jpg: Nopicture."
    assert len(tally.done) == len(tally.ids) == 10
    assert len(tally.late) == 40
    assert accounted(tally)


def test_a_failed_job_has_an_upload_but_no_thumbnails():
    def wait(_):
        raise Failed("It is damaged.", "corrupt")

    tally = played(Service(wait=wait), 50, 0.2)
    assert (len(tally.answered), len(tally.done)) == (10, 0)
    assert tally.failures == {"corrupt": 10}


def test_a_stopped_load_has_a_tally():
    def wait(number):
        if number > 2:
            service.stopped.wait(20)
            raise Failed("interrupted")

    service = Service(wait=wait)
    load = Load(service, Plan([ROCKET], {}, 50, 3600, 100, 60))
    load.start()
    assert not load.wait(0.5)
    load.stop()
    assert load.wait(10)
    tally = load.close()
    assert load.seconds() < 10
    assert len(tally.done) == 2
    assert tally.interrupted == tally.sent - 2 > 0
    assert accounted(tally)


def test_endless_uploads_are_abandoned_and_do_not_change_the_report_later(monkeypatch):
    monkeypatch.setattr("emulator.load.GRACE", 0.1)
    go_on = threading.Event()
    service = Service(lambda _: go_on.wait(30))
    load = Load(service, Plan([ROCKET], {}, 10, 0.2, 100, 0.1))
    load.start()
    while not load.wait(0.05):
        pass
    tally = load.close()
    assert (tally.sent, tally.interrupted, list(tally.done)) == (2, 2, [])
    go_on.set()
    while len(load.tally.ids) < 2:
        time.sleep(0.01)
    assert (tally.interrupted, tally.ids) == (2, [])


class Answers(BaseHTTPRequestHandler):
    """A service that refuses all uploads, and records the requests."""

    def do_GET(self):
        self._answer(200, {"max_upload_bytes": 2**25})

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(*self.server.answer)

    def do_DELETE(self):
        self._answer(404 if self.path == "/gone" else 401, {"code": "x", "detail": "No."})

    def _answer(self, status, document, headers=None):
        self.server.asked.append((self.command, self.path, dict(self.headers)))
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer((HOST, 0), Answers) as server:
        server.asked = []
        server.url = f"http://{HOST}:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    ("answer", "code", "is_busy"),
    [
        ((503, {"code": "overloaded", "detail": "x"}, {"Retry-After": "9"}), "503 overloaded", 1),
        ((429, {}, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}), "429", 1),
        ((503, {"code": "outage", "detail": "x"}), "503 outage", 0),
        ((415, {"code": "not-a-picture", "detail": "x"}), "415 not-a-picture", 0),
        ((500, ["no problem"]), "500", 0),
        ((200, ["no id"]), "no-json", 0),
    ],
)
def test_an_answer_counts_as_refused_or_failed_and_is_not_retried(server, answer, code, is_busy):
    server.answer = answer
    tally = played(Client(server.url, "key", {"Authorization": "Bearer x"}), 20, 0.2)
    assert (tally.refused, tally.failures)[not is_busy] == {code: 4}
    assert accounted(tally)
    posts = [headers for method, _, headers in server.asked if method == "POST"]
    assert len(posts) == 4
    for headers in posts:
        assert (headers["X-API-Key"], headers["Authorization"]) == ("key", "Bearer x")


def test_uploads_are_deleted_unless_they_are_gone_already(server):
    left, reason = delete(Client(server.url), ["gone", "kept", "gone", "kept"])
    assert sorted(path for _, path, _ in server.asked) == ["/gone", "/gone", "/kept", "/kept"]
    assert left == 2
    assert reason.startswith("No. Set it in")


def test_deleting_is_given_up_after_a_few_failures(server):
    left, _ = delete(Client(server.url), ["kept"] * 3000)
    assert left == 3000
    assert len(server.asked) < 30


def test_a_tally_becomes_a_report_and_a_plot():
    tally = Tally(sent=103, unsent=4, interrupted=1)
    tally.failures["415 not-a-picture"] += 2
    tally.reasons["415 not-a-picture"] = "a.txt: Unrecognised file format."
    for number in range(100):
        tally.late.append(0.2)
        tally.answered.append(0.001 * (number + 1))
        tally.done.append(0.001 * (number + 1))
        tally.done_due.append(number * 0.3)
    plan = Plan([ROCKET], {}, 4, 30, 256, 60)
    *texts, last = (part for part in report(tally, plan, 30.0) if isinstance(part, str))
    text = "\n".join(texts)
    assert "Rate asked 4/s, sent 3.4/s, thumbnails 3.3/s, for 30.0 seconds" in text
    assert "107 due, 100 done, 0 refused, 2 failed, 1 interrupted, 4 not sent" in text
    assert "2 with 415 not-a-picture: a.txt: Unrecognised" in text
    assert "7 pictures without thumbnails are not in the percentiles" in text
    assert "Sent late" in text
    assert last.split()[-4:] == ["98", "ms", "100", "ms"]
    bars = list(plot(tally, 30.0))
    assert len(bars) == 20
    assert [bar.count("█") + bar.count("░") for bar in bars][::19] == [2, 40]


def test_a_load_without_answers_has_a_report_too():
    tally = Tally(sent=2, interrupted=2)
    parts = list(report(tally, Plan([ROCKET], {}, 1, 2, 256, 60), 2.0))
    assert "sent 1.0/s, thumbnails 0.0/s" in parts[0]
