"""The commands that watch and steer a running `up`, with both brokers."""

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import accumulate

import grpc
import pytest
import requests

from emulator.bootstrap import ROOT
from emulator.ports import free_port
from emulator.pubsub import protos
from emulator.running import find
from tests import needs
from tests.e2e.commands import COMMAND, from_anywhere, run, up
from tests.e2e.conftest import BROKERS, need
from tests.pictures import ROCKET

UNTOLD = "Google's emulator does not tell"


class Steered:
    """A running `up`, and the commands on it."""

    def __init__(self, running, broker) -> None:
        self.up = running
        self.broker = broker
        self.data = running.data

    @property
    def tells(self) -> bool:
        return self.broker == "embedded"

    def __call__(self, command, *arguments):
        """Run a command that works; return what it prints."""
        result = run(command, *arguments, "--data", self.data)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def refused(self, command, *arguments):
        """Run a command that does not work; return the error."""
        result = run(command, *arguments, "--data", self.data)
        assert (result.returncode, result.stdout) == (1, ""), result.stdout
        assert "Traceback" not in result.stderr
        return result.stderr

    def json(self, command, *arguments):
        return json.loads(self(command, *arguments, "--json"))

    def function(self, name):
        return self._named("functions", name)

    def subscription(self, name):
        return self._named("subscriptions", name)

    def _named(self, kind, name):
        return next(each for each in self.json("status")[kind] if each["name"] == name)

    def state(self, id):
        return self.get(f"/api/uploads/{id}")["state"]

    def get(self, path):
        return requests.get(find(self.data).dashboard + path, timeout=30).json()

    def upload(self) -> str:
        url = find(self.data).upload
        answer = requests.post(url, files={"file": ("a.jpg", ROCKET.read_bytes())}, timeout=30)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def thumbnail(self, id, seconds=30) -> bytes:
        """Wait for a thumbnail."""
        url = f"{find(self.data).upload}/{id}/256"
        answer = requests.get(url, params={"wait": seconds}, timeout=seconds + 30)
        assert answer.status_code == 200, answer.text
        return answer.content

    def pushes_to(self, subscription):
        """Return the push config of a subscription, as the broker has it."""
        name = f"projects/quickthumb/subscriptions/{subscription}"
        with grpc.insecure_channel(find(self.data).pubsub) as channel:
            call = channel.unary_unary("/google.pubsub.v1.Subscriber/GetSubscription")
            request = protos.GetSubscriptionRequest(subscription=name).SerializeToString()
            return protos.Subscription.FromString(call(request, timeout=10)).push_config


def wait_until(condition, seconds=60, seen=lambda: ""):
    """Wait until something is true, and return it; `seen` tells what there is instead."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, seen()
        time.sleep(0.2)
    return found


@contextmanager
def watching(steered, folder, *arguments):
    """Run `watch`; yield a function that waits for a text, and returns all lines up to then."""
    log = folder / "watch.log"
    command = [*COMMAND, "watch", "--data", str(steered.data), *arguments]
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=from_anywhere(), stdout=out, stderr=out)

    def until(text):
        wait_until(lambda: text in log.read_text())
        return log.read_text().splitlines()

    with process:
        try:
            until("Watching ")
            yield until
        finally:
            process.terminate()


@pytest.fixture(scope="module", params=BROKERS)
def steered(request, tmp_path_factory):
    need(request.param)
    folder = tmp_path_factory.mktemp(f"steered-{request.param}")
    with up(folder, "--port", free_port(), "--pubsub", request.param) as running:
        yield Steered(running, request.param)
        running.stop(2)


def test_the_status_names_functions_and_subscriptions(steered):
    text = steered("status")
    for name in ("upload", "resize", "bury", "sweep", "dead-letters"):
        assert f"\n{name} " in text
    assert (UNTOLD in text) == (not steered.tells)
    state = steered.json("status")
    assert state["broker"] == steered.broker
    assert (state["untold"] is None) == steered.tells


def test_what_is_paused_waits_and_goes_on_as_before(steered):
    before = steered.pushes_to("resize")
    assert before.push_endpoint
    assert "resize is paused" in steered("pause", "resize")
    assert not steered.pushes_to("resize").push_endpoint
    ids = [steered.upload() for _ in range(3)]
    assert steered.function("resize")["paused"]
    assert [steered.state(id) for id in ids if steered.tells] == ["queued"] * 3 * steered.tells
    assert steered.subscription("resize")["waiting"] == (3 if steered.tells else None)
    listed = steered("queue")
    assert (UNTOLD in listed) == (not steered.tells)
    for id in ids if steered.tells else ():
        assert id in listed
    steered("resume", "resize")
    assert steered.pushes_to("resize") == before
    for id in ids:
        steered.thumbnail(id)
    wait_until(lambda: [steered.state(id) for id in ids] == ["done"] * 3)


def test_instances_come_and_go(steered):
    assert steered.json("scale", "resize=3")["running"] == 3
    function = steered.function("resize")
    assert len({each["pid"] for each in function["instances"]}) == 3
    assert "1 instance, 3 before" in steered("scale", "resize=1")
    wait_until(lambda: len(steered.function("resize")["instances"]) == 1)
    steered.thumbnail(steered.upload())


def test_a_job_whose_process_is_killed_is_delivered_again(steered):
    steered("slow", "15", "--function", "resize")
    try:
        id = steered.upload()
        wait_until(lambda: steered.function("resize")["instances"][0]["running"])
        assert "with 1 request at work" in steered("kill", "resize")
        wait_until(lambda: len(steered.function("resize")["instances"]) == 1)
        if steered.tells:
            [message] = steered.json("queue", "resize")["subscriptions"][0]["messages"]
            assert (message["subject"], message["attempts"]) == (id, 1)
            assert message["problem"] == "the endpoint closed the connection without a response"
            assert message["next"] > time.time()
    finally:
        steered("slow", "0")
    steered.thumbnail(id)
    life = wait_until(lambda: (x := steered.get(f"/api/uploads/{id}"))["state"] == "done" and x)
    ends = [each["outcome"] for each in life["entries"] if each["kind"] == "ended"]
    assert ends == ["done", "killed", "done"]  # the first is that of `upload`
    assert {blob["bucket"] for blob in life["blobs"]} == {"originals", "processed"}
    steered.up.wait_for(f"resize    | {id} killed: instance ")
    steered.up.wait_for(f"resize    | {id} done: instance ")
    if steered.tells:
        steered.up.wait_for(f"resize    | {id} waits 10 s, until ")


def test_poison_kills_and_others_are_unharmed(steered):
    before = steered.function("resize")["counts"]["killed"]
    sent = steered.json("poison")
    others = [steered.upload() for _ in range(3)]
    wait_until(lambda: steered.function("resize")["counts"]["killed"] > before)
    for id in others:
        wait_until(lambda id=id: steered.state(id) == "done", 120)
    if steered.tells:  # Google's emulator may stop delivering it, for minutes: docs/controls.md
        expect_the_end_of(sent, steered)
    steered("purge", "dead-letters", "--yes")
    steered("purge", "resize", "--yes")


def expect_the_end_of(sent, steered):
    letters = wait_until(lambda: len(found := letters_of(steered)) == 2 and found, 120)
    assert {each["attempts"] for each in letters} == {5}
    assert {each["subject"] for each in letters} == {sent["killer"], None}
    url = f"{find(steered.data).upload}/{sent['killer']}"
    wait_until(lambda: requests.get(url, timeout=60).json()["status"] == "failed")
    assert requests.get(url, timeout=60).json()["error"]["code"] == "gave-up"
    wait_until(lambda: steered.state(sent["killer"]) in ("dead", "failed"))


def test_dead_letters_are_requeued_and_purged(steered):
    dead = [publish(steered, "dead", f"nonsense {number}") for number in range(2)]
    letters = wait_until(lambda: len(found := letters_of(steered)) == 2 and found)
    assert {each["message"] for each in letters} == set(dead)
    assert dead[0] in steered("queue")
    assert "Requeued 1 dead letter to uploads" in steered("requeue", dead[0])
    assert [each["message"] for each in letters_of(steered)] == dead[1:]
    assert "There is no dead letter" in steered.refused("requeue", dead[0])
    assert "To confirm it without a terminal: --yes" in steered.refused("requeue", "--all")
    assert "To confirm it without a terminal: --yes" in steered.refused("purge", "--all")
    steered("purge", "dead-letters", "--yes")
    assert letters_of(steered) == []
    assert "There are no dead letters" in steered.refused("requeue", "--all", "--yes")
    steered("purge", "resize", "--yes")


def publish(steered, topic, data) -> str:
    """Publish a message; return its id."""
    url = f"{find(steered.data).dashboard}/api/actions/publish"
    answer = requests.post(url, json={"topic": topic, "data": data}, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()["message"]


def letters_of(steered):
    return steered.json("queue")["letters"]


def test_a_job_that_is_delivered_twice_makes_the_same_thumbnail(steered, tmp_path):
    id = steered.upload()
    first = steered.thumbnail(id)
    wait_until(lambda: steered.state(id) == "done")
    with watching(steered, tmp_path) as until:
        steered("redeliver", id)
        lines = until(f"{id} done: instance")
    assert any(f"{id} begins: instance" in line for line in lines)
    assert steered.thumbnail(id) == first


def test_watching_prints_events_as_json_too(steered, tmp_path):
    with watching(steered, tmp_path, "--json") as until:
        id = steered.upload()
        lines = until('"outcome": "done"')
    events = [json.loads(line) for line in lines if line.startswith("{")]
    assert any(id in event.get("subjects", ()) for event in events)


def test_a_message_is_published_and_delivered(steered):
    url = f"{find(steered.data).dashboard}/api/actions/publish"
    body = {"topic": "completed", "data": "hello", "attributes": {"color": "red"}}
    answer = requests.post(url, json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.json()["message"] in answer.json()["text"]


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (("pause", "paint"), "There is no function or subscription 'paint'"),
        (("pause", "upload"), "upload is called over HTTP: only what has a queue can be paused."),
        (("resume", "sweep"), "sweep is called by schedule"),
        (("scale", "resize=11"), "resize: expected a number of instances from 1 to 10"),
        (("scale", "paint=2"), "There is no function 'paint': expected upload, resize"),
        (("kill", "resize", "--instance", "7"), "resize has no instance 7 at the moment."),
        (("slow", "-1"), "seconds: expected a number from 0 to 600"),
        (("slow", "1", "--function", "upload"), "upload gets no messages"),
        (("poison", "bury"), "bury has no dead letters"),
        (("redeliver", "unknown"), "unknown: no message of it was seen"),
        (("requeue",), "Expected an ID, or --all"),
        (("purge",), "Expected a subscription or a function, or --all"),
        (("purge", "paint", "--yes"), "There is no function or subscription 'paint'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(steered, command, error):
    assert error in steered.refused(*command)


@pytest.mark.parametrize("command", ["status", "watch", "queue", "kill resize", "poison"])
def test_without_up_there_is_nothing_to_steer(tmp_path, command):
    result = run(*command.split(), "--data", tmp_path)
    assert result.returncode == 1
    assert result.stderr == (
        f"No `up` uses {tmp_path}: start `python3 -m emulator up` in another terminal.\n"
    )


@needs.posix("signals")
def test_a_pause_outlives_the_broker_and_ends_with_up(tmp_path):
    with up(tmp_path, "--port", free_port()) as running:
        steered = Steered(running, "embedded")
        steered("pause", "resize")
        id = steered.upload()
        [broker] = [pid for pid in pids_below(running) if "emulator.pubsub" in command_of(pid)]
        kill(broker)
        running.wait_for("pubsub    | ended with status -9: restarted")
        wait_until(lambda: run("queue", "--data", steered.data).stdout.count(id))
        assert steered.subscription("resize")["paused"]
        assert steered.subscription("resize")["in_flight"] == 0
        running.stop(2)
    with up(tmp_path, "--port", free_port()) as running:
        steered = Steered(running, "embedded")
        steered.thumbnail(id)
        assert not steered.function("resize")["paused"]
        running.stop(2)


FUNCTIONS = """
import functions_framework

@functions_framework.http
def order(request):
    return "hello"

@functions_framework.cloud_event
def cook(event):
    print("cooking", event.data["message"].get("messageId"))
"""

TOPOLOGY = """
project: tavern
functions:
  order: {trigger: http}
  cook: {trigger: pubsub}
topics: {orders: {}, wasted: {}}
subscriptions:
  kitchen: {topic: orders, push_to: cook, dead_letter: {topic: wasted}}
"""


def test_functions_of_another_project_are_watched_too(tmp_path):
    (tmp_path / "main.py").write_text(FUNCTIONS)
    topology = tmp_path / "topology.yaml"
    topology.write_text(TOPOLOGY)
    guest = ("--topology", topology, "--source", tmp_path, "--python", sys.executable)
    with up(tmp_path, "--port", free_port(), "--slow", "0.5", *guest) as running:
        steered = Steered(running, "embedded")
        state = steered.json("status")
        assert [each["name"] for each in state["functions"]] == ["order", "cook"]
        names = [(each["name"], each["kind"]) for each in state["subscriptions"]]
        assert names == [("kitchen", "push"), ("wasted-letters", "letters")]
        url = f"{find(steered.data).dashboard}/api/actions/publish"
        body = {"topic": "orders", "data": '{"id": "soup"}'}
        assert requests.post(url, json=body, timeout=30).status_code == 200
        running.wait_for("| soup done: instance 1, attempt 1")
        [request] = steered.function("cook")["recent"]
        assert request["subject"] == "soup"
        assert request["log"][0].startswith("cooking ")
        assert request["milliseconds"] >= 500
        assert steered.function("cook")["slow"] == 0.5
        sent = steered.json("poison")
        wait_until(lambda: len(letters_of(steered)) == 1)
        assert sent["subscription"] == "kitchen"
        running.stop(2)


def test_four_instances_do_four_slow_jobs_at_once(tmp_path):
    (tmp_path / "main.py").write_text(FUNCTIONS)
    topology = tmp_path / "topology.yaml"
    topology.write_text(ONE_AT_A_TIME)
    guest = ("--topology", topology, "--source", tmp_path, "--python", sys.executable)
    with up(tmp_path, "--port", free_port(), "--slow", "1", *guest) as running:
        steered = Steered(running, "embedded")
        steered("scale", "cook=1")
        with watching(steered, tmp_path, "--json") as until:
            for number in range(30):
                publish(steered, "orders", f'{{"id": "dish {number}"}}')
            wait_until(lambda: done(steered, "cook") >= 3)
            before = events_of(until(""), "cook")
            steered("scale", "cook=4")
            wait_until(lambda: done(steered, "cook") == 30)
            after = events_of(until(""), "cook")
        running.stop(2)
    assert most_at_once(before) == 1
    assert most_at_once(after) == 4


ONE_AT_A_TIME = """
project: tavern
functions:
  order: {trigger: http}
  cook: {trigger: pubsub, concurrency: 1, max_instances: 4}
topics: {orders: {}}
subscriptions:
  kitchen: {topic: orders, push_to: cook}
"""


def done(steered, name) -> int:
    return steered.function(name)["counts"]["done"]


def events_of(lines, function):
    events = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
    return [event for event in events if event.get("function") == function]


def most_at_once(events) -> int:
    """Return how many requests were in progress at the same time."""
    changes = {"began": 1, "ended": -1}
    counted = [(each["time"], changes[each["kind"]]) for each in events if each["kind"] in changes]
    return max(accumulate(change for _, change in sorted(counted)))


def pids_below(running):
    from tests.e2e.test_up import children

    return children(running.process.pid)


def command_of(pid) -> str:
    from pathlib import Path

    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def kill(pid) -> None:
    import os
    import signal

    os.kill(pid, signal.SIGKILL)
