"""The parts of infra/trial.sh that need neither a cloud nor an emulator."""

import json
import re
import socketserver
import subprocess
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.cost.calls import GIB, Instance
from bench.cost.prices import Prices
from infra.trial import commands, dead_letters, revisions, uploading, usage
from infra.trial.calls import Answer, Caller
from infra.trial.commands import Failed, Gcloud
from infra.trial.figures import Done, Findings, percentile
from infra.trial.report import duration, report
from tests.pictures import ROCKET


class Service:
    """Answers for the function `upload`: each picture is accepted, and has the fate of its turn."""

    def __init__(self, fates=(), refusals=()):
        self.fates = list(fates)
        self.refusals = list(refusals)
        self.kept = {}
        self.deleted = []
        self._lock = threading.Lock()

    def call(self, method, path, body=None, headers=None):
        with self._lock:
            return Answer(*self._answer(method, path), 0.0, 0.01)

    def _answer(self, method, path):
        id = path.strip("/").partition("?")[0].partition("/")[0]
        if method == "POST":
            if self.refusals:
                return self.refusals.pop(0), b"not now"
            self.kept[str(len(self.kept))] = self.fates.pop(0) if self.fates else "done"
            return 202, json.dumps({"id": str(len(self.kept) - 1)}).encode()
        if method == "DELETE":
            self.deleted.append(id)
            return 204, b""
        if id in self.deleted:
            return 404, b"{}"
        return 200, json.dumps({"status": self.kept[id], "error": {"code": "gave-up"}}).encode()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    for module in (uploading, dead_letters, revisions):
        monkeypatch.setattr(module.time, "sleep", lambda seconds: None)


def test_a_burst_counts_what_was_refused_and_sends_it_again():
    service, findings = Service(refusals=[429, 503, 429]), Findings()
    uploading.burst(service, ROCKET, uploading.Burst(10, 3), findings)
    assert findings.uploads == 10
    assert len(findings.latencies["`POST /`, in the burst"]) == 10
    [lines] = findings.sections.values()
    assert "- Responses with `Retry-After`: 2 times 429, 1 times 503." in lines
    assert sorted(service.deleted) == sorted(service.kept)


def test_a_burst_that_loses_a_picture_fails_and_still_deletes_all():
    service = Service(fates=["done", "failed", "done"])
    with pytest.raises(Failed, match=r"1 of 3 accepted pictures were lost: 1 failed: .*gave-up"):
        uploading.burst(service, ROCKET, uploading.Burst(3, 1), Findings())
    assert sorted(service.deleted) == ["0", "1", "2"]


def test_a_burst_that_is_refused_for_good_fails_and_deletes_what_was_accepted():
    service = Service()
    call = service.call

    def broken_after_two(method, path, body=None, headers=None):
        if method == "POST" and len(service.kept) == 2:
            return Answer(500, b"broken", 0.0, 0.01)
        return call(method, path)

    service.call = broken_after_two
    with pytest.raises(Failed, match="POST /: expected 202, got 500: broken"):
        uploading.burst(service, ROCKET, uploading.Burst(5, 1), Findings())
    assert sorted(service.deleted) == ["0", "1"]


def test_a_delete_that_leaves_the_thumbnail_is_a_failure():
    service = Service()
    service.deleted = Counter()  # deletes nothing: it counts
    service.deleted.append = lambda id: None
    with pytest.raises(Failed, match=r"GET /0 after DELETE: expected 404, got 200"):
        uploading.delete(service, ROCKET, Findings())


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_a_percentile_is_the_nearest_rank(values, share):
    figure = percentile(values, share)
    assert figure in values
    assert sum(value <= figure for value in values) >= share * len(values) - 1e-9
    assert percentile(values, 1) == max(values)


def test_a_report_tells_why_a_trial_ended_and_what_was_measured_before():
    findings = Findings(failure="The quota | is used up.\nAsk for more.")
    findings.steps += [Done("apply", "2 resources", 300), Done("smoke", "**failed**", 1.5)]
    findings.took("`POST /`", 0.25)
    text = report(findings)
    assert "**It was not completed.** The quota | is used up." in text
    assert "| apply | 2 resources | 5 min |" in text
    assert "| smoke | **failed** | 1.5 s |" in text
    assert "| `POST /` | 1 | 250 | 250 | 250 | 250 |" in text


def test_a_cell_of_a_table_stays_one():
    findings = Findings(steps=[Done("smoke", "a | b\nc", 1)])
    assert "| smoke | a \\| b c | 1.0 s |" in report(findings)
    assert duration(119.9) == "119.9 s"


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1), ("500m", 0.5), ("512Mi", 512 * 2**20), ("2Gi", 2 * GIB), ("1G", 1e9), ("0.5", 0.5)],
)
def test_quantities_are_read_as_kubernetes_writes_them(text, number):
    assert usage.quantity(text) == pytest.approx(number)


def test_usage_is_converted_to_dollars():
    prices = Prices.load()
    used = usage.Used(
        seconds={"upload": 1000, "resize": 10},
        requests={"upload": 500_000, "resize": 500_000},
        starts={},
        operations={
            "WriteObject": 1000,
            "ListObjects": 1000,
            "ReadObject": 1000,
            "DeleteObject": 9,
        },
        messages=2**40,
    )
    instances = {"upload": Instance(1, 2 * GIB), "resize": Instance(1, GIB // 2)}
    cost = usage.cost_of(used, instances, prices)
    upload, resize = 0.000024 + 2 * 0.0000025, 0.000024 + 0.5 * 0.0000025
    assert cost.instances == pytest.approx(1000 * upload + 10 * resize)
    assert cost.requests == pytest.approx(0.40)
    assert cost.messages == pytest.approx(40)
    assert cost.operations == pytest.approx(2 * 0.005 + 0.0004)


class Told(Gcloud):
    """A gcloud that writes down what it is told, and fails at some of it."""

    def __init__(self, description=None, fails=()):
        super().__init__("my-trial", "europe-west1")
        self.told = []
        self.description = description
        self._fails = fails

    def text(self, *arguments):
        self.told.append(" ".join(arguments))
        if any(word in self.told[-1] for word in self._fails):
            raise Failed(f"cannot {' '.join(arguments[:3])}")
        return ""


def described(*traffic, latest=True):
    return {
        "spec": {"traffic": [{"percent": 100, "latestRevision": latest}]},
        "status": {"traffic": list(traffic)},
    }


def test_traffic_that_is_shared_is_left_alone():
    halves = described({"revisionName": "a", "percent": 50}, {"revisionName": "b", "percent": 50})
    with pytest.raises(Failed, match="the traffic of upload is shared"):
        revisions.serving(halves)
    assert revisions.serving(described({"revisionName": "a", "percent": 100})) == "a"


@pytest.mark.parametrize("latest", [True, False])
def test_the_service_gets_its_traffic_first_and_follows_the_latest_only_if_it_did(latest):
    gcloud = Told()
    revisions.restore(gcloud, described(latest=latest), "upload-1")
    assert "--to-revisions=upload-1=100" in gcloud.told[0]
    assert ("--to-latest" in gcloud.told[-1]) == latest


def test_a_command_that_fails_on_the_way_back_does_not_keep_the_others():
    gcloud = Told(fails=["--remove-env-vars", "--remove-tags"])
    with pytest.raises(Failed, match=r"(?s)cannot run services update.*cannot run services update"):
        revisions.restore(gcloud, described(), "upload-1")
    assert len(gcloud.told) == 4


def test_the_patience_of_a_subscription_is_given_back_and_the_watcher_deleted_whatever_fails():
    before = {"deadLetterPolicy": {"deadLetterTopic": "dead", "maxDeliveryAttempts": 20}}
    gcloud = Told(fails=["subscriptions update"])
    with pytest.raises(Failed, match="resize still gives up after 5"):
        dead_letters.restore(gcloud, before)
    updated, deleted = gcloud.told
    for option in ("--max-delivery-attempts=20", "--min-retry-delay=10s", "--max-retry-delay=600s"):
        assert option in updated
    assert deleted == f"pubsub subscriptions delete {dead_letters.WATCHER}"


class Closing(BaseHTTPRequestHandler):
    """Answers once on each connection, and closes it without saying so."""

    protocol_version = "HTTP/1.1"
    shown: list[str]

    def do_GET(self):
        self.server.shown.append(self.headers.get("Authorization", ""))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(b"{}")
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def closing():
    with ThreadingHTTPServer(("127.0.0.1", 0), Closing) as server:
        server.shown = []
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_connection_that_the_server_has_closed_is_opened_again(closing):
    tokens = iter(["one", "two"])
    caller = Caller(f"http://127.0.0.1:{closing.server_address[1]}", lambda: next(tokens))
    for _ in range(3):
        answer = caller.call("GET", "/health")
        assert (answer.status, answer.retry_after, answer.document()) == (200, 7, {})
    assert closing.shown == ["Bearer one"] * 3  # a token is fetched now and then, not each time


def test_a_service_that_does_not_answer_is_told():
    with pytest.raises(Failed, match=r"GET /health: ConnectionRefusedError"):
        Caller("http://127.0.0.1:1", lambda: "").call("GET", "/health")


def test_an_answer_that_is_no_document_is_told():
    for body in (b"<html>", b"[1]"):
        with pytest.raises(Failed, match="expected a JSON document"):
            Answer(200, body, 0, 0).document()


def test_a_command_that_fails_is_told_with_its_last_words():
    script = "import sys; sys.stderr.write('no such bucket\\n'); sys.exit(3)"
    with pytest.raises(Failed, match=r"(?s)ended with status 3:.*no such bucket"):
        commands.run([sys.executable, "-c", script])


def test_what_gcloud_prints_that_is_no_json_is_told(tmp_path, monkeypatch):
    (tmp_path / "gcloud").write_text("#!/bin/sh\necho Listed 0 items.\n")
    (tmp_path / "gcloud").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(Failed, match="gcloud pubsub topics list printed no JSON: Listed 0 items"):
        Gcloud("my-trial", "europe-west1").json("pubsub", "topics", "list")


def test_a_trial_needs_the_standard_library_only():
    code = (
        "import sys, infra.trial.__main__ as trial; "
        "print(sorted({m.partition('.')[0] for m in sys.modules} - set(sys.stdlib_module_names)))"
    )
    result = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROCKET.parents[3],
    )
    assert re.findall(r"\w+", result.stdout) == ["__main__", "bench", "infra"]


def test_http_client_errors_are_told():
    class Garbled(socketserver.StreamRequestHandler):
        def handle(self):
            while self.rfile.readline().strip():
                pass
            self.wfile.write(b"?\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Garbled) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        caller = Caller(f"http://127.0.0.1:{server.server_address[1]}", lambda: "")
        with pytest.raises(Failed, match="BadStatusLine"):
            caller.call("GET", "/")
        server.shutdown()
