"""Web pages that use the REST API of the Pub/Sub broker, and one that must not."""

import json
from contextlib import ExitStack

import pytest
import requests

from emulator.ports import HOST
from emulator.pubsub import Broker
from tests.browser.elsewhere import another_page

TOPIC = "projects/page/topics/greetings"
SUBSCRIPTION = "projects/page/subscriptions/greetings"

# Makes requests one after another; returns status and text of each, or why a script may not know.
SCRIPT = """
const [requests, done] = [arguments[0], arguments[1]];
(async () => {
  const told = [];
  for (const [method, url, body, mode] of requests) {
    const headers = body && mode !== "no-cors" ? {"Content-Type": "application/json"} : {};
    try {
      const answer = await fetch(url, {method, body, mode, headers});
      told.push([answer.type, answer.status, await answer.text()]);
    } catch (error) {
      told.push(["error", 0, String(error)]);
    }
  }
  done(told);
})();
"""


@pytest.fixture(scope="module")
def pages():
    """Return the port of a web server with an empty page."""
    with another_page() as port:
        yield port


@pytest.fixture
def broker():
    with Broker() as broker:
        api = f"http://{broker.address}/v1"
        requests.put(f"{api}/{TOPIC}", timeout=20).raise_for_status()
        requests.put(f"{api}/{SUBSCRIPTION}", json={"topic": TOPIC}, timeout=20).raise_for_status()
        yield broker


def fetch(browser, page, *attempts):
    """Make requests in the script of a page; return the results."""
    browser.get(page)
    browser.set_script_timeout(60)
    return browser.execute_async_script(SCRIPT, list(attempts))


def story(api):
    """Return requests of every method."""
    other = f"{api}/projects/page/topics/other"
    change = {"topic": {"labels": {"a": "b"}}, "updateMask": "labels"}
    pull = {"maxMessages": 1, "returnImmediately": True}
    publish = {"messages": [{"data": "aGVsbG8=", "attributes": {"a": "b"}}]}
    yield "PUT", other, "{}"
    yield "PATCH", other, json.dumps(change)
    yield "POST", f"{api}/{TOPIC}:publish", json.dumps(publish)
    yield "POST", f"{api}/{SUBSCRIPTION}:pull", json.dumps(pull)
    yield "GET", f"{api}/projects/page/topics", None
    yield "DELETE", other, None
    yield "GET", other, None


@pytest.mark.parametrize("host", ["localhost", HOST])
def test_a_page_on_another_port_of_this_machine_uses_it(browser, pages, broker, host):
    told = fetch(browser, f"http://{host}:{pages}/", *story(f"http://{broker.address}/v1"))
    assert [status for _, status, _ in told] == [200, 200, 200, 200, 200, 200, 404]
    assert "aGVsbG8=" in told[3][2]
    assert '"status":"NOT_FOUND"' in told[6][2]


def test_a_page_of_the_internet_reads_and_changes_nothing(browser, pages, broker):
    api = f"http://{broker.address}/v1"
    planted = json.dumps({"messages": [{"data": "cGxhbnRlZA=="}]})
    blind = ("POST", f"{api}/{TOPIC}:publish", planted, "no-cors")
    told = fetch(browser, f"http://evil.test:{pages}/", *story(api), blind)
    assert {(kind, status) for kind, status, _ in told} <= {("error", 0), ("opaque", 0)}
    names = [
        entry["name"]
        for entry in requests.get(f"{api}/projects/page/topics", timeout=20).json()["topics"]
    ]
    assert names == [TOPIC]
    pull = {"maxMessages": 1, "returnImmediately": True}
    assert requests.post(f"{api}/{SUBSCRIPTION}:pull", json=pull, timeout=20).json() == {}


def test_a_page_that_points_its_own_name_at_this_machine_reads_nothing(browser, broker):
    _, _, port = broker.address.rpartition(":")
    own = f"http://evil.test:{port}"
    told = fetch(browser, f"{own}/", ("GET", f"{own}/v1/projects/page/topics", None))
    assert told[0][1] == 403
    assert TOPIC not in told[0][2]


def test_a_page_that_is_allowed_uses_it(browser, pages):
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(origins=[f"http://evil.test:{pages}"]))
        api = f"http://{broker.address}/v1"
        told = fetch(browser, f"http://evil.test:{pages}/", ("PUT", f"{api}/{TOPIC}", "{}"))
    assert told[0][:2] == ["cors", 200]
