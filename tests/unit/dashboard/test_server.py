"""Who may use the dashboard's server, and what it answers."""

import http.client
import json
import threading
from contextlib import closing
from types import SimpleNamespace

import pytest

from emulator.dashboard.errors import Refused, Unknown
from emulator.dashboard.flow import Flow
from emulator.dashboard.pubsub import BrokerFailed
from emulator.dashboard.records import Role
from emulator.dashboard.server import Api, Server

FOREIGN = {
    "another host": {"Host": "evil.example"},
    "another port of this machine": {"Host": "127.0.0.1:1"},
    "another origin": {"Origin": "https://evil.example"},
    "a page of another port": {"Origin": "http://127.0.0.1:1"},
    "a local file": {"Origin": "null"},
    "an image in another page": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    "a page of the upload function": {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
}


class Broker:
    """A broker that tells what it is told to."""

    def __init__(self) -> None:
        self.messages = [{"message": "m1"}]

    def peek(self, name, limit):
        if name != "resize":
            raise BrokerFailed("The broker answered NOT_FOUND: no such subscription")
        return self.messages


class Doing:
    """Actions that are only written down."""

    def __init__(self) -> None:
        self.done = []
        self.letters = SimpleNamespace(listing=list)

    def do(self, name, members):
        if name == "impossible":
            raise Refused("It is too late.", 409)
        self.done.append((name, members))
        return {"text": "Done."}


class Blobs:
    """Buckets without a blob."""

    def about(self, subject):
        return []

    def listing(self, bucket, prefix, limit):
        raise Unknown(f"There is no bucket {bucket!r}.")


class Dashboard:
    """A running server and what is behind it."""

    def __init__(self, server: Server) -> None:
        self.flow = Flow({"resize": Role("pubsub")}, lambda pid: True)
        self.actions, self.broker = Doing(), Broker()
        self.state = SimpleNamespace(document=lambda: {"sequence": self.flow.sequence})
        server.start(Api(self.flow, self.state, self.actions, Blobs(), self.broker))
        self.address = server.url.removeprefix("http://")

    def call(self, method, path, body=None, **headers):
        """Send a request; return status, headers and document."""
        with closing(http.client.HTTPConnection(self.address, timeout=10)) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, json.loads(answer.read())

    def act(self, name, body="{}", **headers):
        headers = {"Content-Type": "application/json"} | headers
        return self.call("POST", f"/api/actions/{name}", body, **headers)


@pytest.fixture
def dashboard():
    with closing(Server(0)) as server:
        yield Dashboard(server)


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN.keys())
def test_nobody_else_can_read_or_act(dashboard, headers):
    for path in ("/api/state", "/api/events", "/api/letters", "/"):
        status, answered, _ = dashboard.call("GET", path, **headers)
        assert status == 403, path
        assert "Access-Control-Allow-Origin" not in answered
    status, _, problem = dashboard.act("kill", **headers)
    assert (status, problem["status"]) == (403, 403)
    assert not dashboard.actions.done


def test_the_dashboards_own_page_and_programs_may_do_both(dashboard):
    port = dashboard.address.rpartition(":")[2]
    for headers in (
        {},
        {"Origin": f"http://{dashboard.address}", "Sec-Fetch-Site": "same-origin"},
        {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"},
    ):
        assert dashboard.call("GET", "/api/state", **headers)[0] == 200
        assert dashboard.act("pause", '{"name": "resize"}', **headers)[0] == 200
    assert dashboard.actions.done == [("pause", {"name": "resize"})] * 3


def test_another_page_may_lead_to_the_dashboard_and_to_nothing_else(dashboard):
    led = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert dashboard.call("GET", "/nothing", **led)[0] == 403
    assert dashboard.call("GET", "/api/state", **led)[0] == 403
    assert dashboard.act("kill", **led)[0] == 403


def test_what_a_form_can_send_is_no_action(dashboard):
    kinds = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data")
    for kind in kinds:
        assert dashboard.act("kill", **{"Content-Type": kind})[0] == 415
    assert not dashboard.actions.done


@pytest.mark.parametrize("body", ["", "no JSON", "[]", "null", "[" * 100_000])
def test_a_body_that_is_no_object_is_refused(dashboard, body):
    status, _, problem = dashboard.act("kill", body)
    assert (status, dashboard.actions.done) == ((200, [("kill", {})]) if not body else (400, []))
    assert problem


def test_a_body_without_a_sensible_length_is_refused(dashboard):
    for length in ("999999999999", "-1", "many"):
        headers = {"Content-Length": length, "Content-Type": "application/json"}
        assert dashboard.call("POST", "/api/actions/kill", **headers)[0] == 413


def test_a_refusal_is_a_problem_with_a_sentence(dashboard):
    status, headers, problem = dashboard.act("impossible")
    assert (status, headers["Content-Type"]) == (409, "application/problem+json")
    assert problem == {"status": 409, "title": "Conflict", "detail": "It is too late."}


@pytest.mark.parametrize(
    "path",
    [
        *("/api/nothing", "/api/uploads/unknown", "/api/requests/1-1", "/api/buckets/none"),
        *("/../server.py", "/server.py", "/static", "/%2e%2e/server.py"),
    ],
)
def test_what_is_not_there_is_not_found(dashboard, path):
    assert dashboard.call("GET", path)[0] == 404


def test_messages_are_peeked_at(dashboard):
    path = "/api/subscriptions/resize/messages"
    assert dashboard.call("GET", path)[2] == {"messages": [{"message": "m1"}], "untold": None}
    dashboard.broker.messages = None
    assert "Google's emulator" in dashboard.call("GET", path)[2]["untold"]
    assert dashboard.call("GET", f"{path}?limit=0")[0] == 400
    assert dashboard.call("GET", "/api/subscriptions/none/messages")[0] == 503


def test_answers_may_not_be_kept_or_guessed_at(dashboard):
    _, headers, _ = dashboard.call("GET", "/api/state")
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "default-src 'self'" in headers["Content-Security-Policy"]


class Reader:
    """Reads the stream of events."""

    def __init__(self, address: str) -> None:
        self.connection = http.client.HTTPConnection(address, timeout=10)
        self.connection.request("GET", "/api/events")
        self.stream = self.connection.getresponse()

    def next(self):
        """Return the name and the content of the next event."""
        name = self.stream.readline().decode().removeprefix("event: ").rstrip()
        data = self.stream.readline().decode().removeprefix("data: ")
        assert self.stream.readline() == b"\n"
        return name, json.loads(data)

    def close(self):
        self.stream.close()
        self.connection.close()


def test_a_reader_gets_the_state_then_what_happens_and_the_state_after_it(dashboard):
    with closing(Reader(dashboard.address)) as reader:
        assert reader.stream.headers["Content-Type"] == "text/event-stream"
        assert reader.next() == ("state", {"sequence": 0})
        dashboard.flow.did(1.0, "pause", "resize is paused.")
        name, [event] = reader.next()
        assert (name, event["text"]) == ("flow", "resize is paused.")
        assert reader.next() == ("state", {"sequence": 1})


def test_a_reader_who_fell_behind_gets_the_state_alone(dashboard):
    with closing(Reader(dashboard.address)) as reader:
        reader.next()
        for _ in range(20_000):
            dashboard.flow.did(1.0, "pause", "resize is paused.")
        told = [reader.next()]
        while told[-1] != ("state", {"sequence": 20_000}):
            told.append(reader.next())
        events = [event for name, events in told if name == "flow" for event in events]
        assert len(events) < 20_000


def test_there_is_a_limit_of_readers_and_those_who_leave_make_room(dashboard):
    readers = [Reader(dashboard.address) for _ in range(32)]
    for reader in readers:
        reader.next()
    assert dashboard.call("GET", "/api/events")[0] == 503
    for reader in readers:
        reader.close()
    left = threading.Event()
    for _ in range(100):
        dashboard.flow.did(1.0, "pause", "resize is paused.")  # notices who has left
        if left.wait(0.1):
            break
        again = Reader(dashboard.address)
        if again.stream.status == 200:
            again.close()
            return
        again.close()
    pytest.fail("no reader has made room")


def test_a_reader_gets_the_state_once_a_restarted_broker_answers_although_nothing_happens(
    dashboard,
):
    broken = [BrokerFailed("The broker does not answer."), BrokerFailed("It still does not.")]

    def document():
        if broken:
            raise broken.pop()
        return {"sequence": dashboard.flow.sequence}

    dashboard.state.document = document
    with closing(Reader(dashboard.address)) as reader:
        assert reader.next() == ("state", {"sequence": 0})


DIGITS = "9" * 5000  # more than Python reads as a number


def test_a_number_of_thousands_of_digits_is_refused(dashboard):
    asked = f"/api/subscriptions/resize/messages?limit={DIGITS}"
    assert dashboard.call("GET", asked)[0] == 400
    assert dashboard.act("pause", None, **{"Content-Length": DIGITS})[0] == 413
