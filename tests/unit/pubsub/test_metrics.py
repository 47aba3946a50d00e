"""Metrics: what they say of subscriptions, and that their number is bounded."""

import asyncio
import re
import urllib.request

import pytest

from emulator.pubsub import Broker
from emulator.pubsub.doors import metrics
from emulator.pubsub.rules.policies import DeadLetterPolicy
from tests.unit.pubsub.sandbox import Sandbox

# https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
LINE = re.compile(r"pubsub_[a-z_]+(\{([a-z]+=\"([^\"\\\n]|\\.)*\",?)+\})? -?[0-9.e+-]+")


@pytest.fixture
def sandbox():
    return Sandbox()


def read(sandbox):
    """Return the metrics by name and labels, after a look at their form."""
    text = metrics.exposition(sandbox.registry, sandbox.now)
    assert text.endswith("\n")
    values = {}
    announced = ""
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            announced = line.split()[2]
        elif not line.startswith("# HELP "):
            assert LINE.fullmatch(line), line
            name, value = line.rsplit(" ", 1)
            assert name.partition("{")[0] == announced
            assert name not in values
            values[name] = float(value)
    return values


def of(sandbox, metric, name="all"):
    return read(sandbox)[f'pubsub_{metric}{{subscription="projects/p/subscriptions/{name}"}}']


def test_they_follow_a_message_from_backlog_to_acknowledgement(sandbox):
    subscription = sandbox.subscribe()
    assert of(sandbox, "oldest_unacknowledged_seconds") == 0
    sandbox.publish("one")
    sandbox.wait(5)
    sandbox.publish("two")
    assert of(sandbox, "backlog_messages") == 2
    assert of(sandbox, "in_flight_messages") == 0
    assert of(sandbox, "oldest_unacknowledged_seconds") == 5
    first, _ = sandbox.lease(subscription)
    assert of(sandbox, "in_flight_messages") == of(sandbox, "delivered_total") == 2
    sandbox.acknowledge(subscription, first)
    assert of(sandbox, "backlog_messages") == of(sandbox, "acknowledged_total") == 1
    assert of(sandbox, "oldest_unacknowledged_seconds") == 0
    sandbox.wait(60)
    sandbox.take(subscription)
    assert of(sandbox, "delivered_total") == 3
    assert of(sandbox, "acknowledged_total") == 2
    assert of(sandbox, "backlog_messages") == 0


def test_messages_of_ordering_keys_count_until_they_are_acknowledged(sandbox):
    subscription = sandbox.subscribe(ordered=True)
    for text in ("a", "b", "c"):
        sandbox.publish(text, key="k")
    assert of(sandbox, "backlog_messages") == 3
    first, second, _ = sandbox.lease(subscription)
    sandbox.acknowledge(subscription, second)
    assert of(sandbox, "backlog_messages") == of(sandbox, "in_flight_messages") == 2
    sandbox.acknowledge(subscription, first)
    assert of(sandbox, "backlog_messages") == 1


def test_a_dead_letter_counts_where_it_failed(sandbox):
    topic = "projects/p/topics/dead"
    sandbox.registry.create_topic(topic)
    subscription = sandbox.subscribe(dead_letter=DeadLetterPolicy(topic, 5))
    sandbox.publish("poison")
    for _ in range(5):
        sandbox.refuse(subscription, *sandbox.lease(subscription))
    assert of(sandbox, "dead_lettered_total") == 1
    assert of(sandbox, "delivered_total") == 5
    assert of(sandbox, "backlog_messages") == of(sandbox, "acknowledged_total") == 0


def test_push_answers_are_counted_by_class(sandbox):
    subscription = sandbox.subscribe()
    subscription.counts.push_answers.update({"2xx": 3, "timeout": 1})
    values = read(sandbox)
    label = 'subscription="projects/p/subscriptions/all"'
    assert values[f'pubsub_push_answers_total{{{label},answer="2xx"}}'] == 3
    assert values[f'pubsub_push_answers_total{{{label},answer="timeout"}}'] == 1


def test_the_number_of_series_is_bounded(sandbox, monkeypatch):
    monkeypatch.setattr(metrics, "MAX_SUBSCRIPTIONS", 2)
    for name in ("ccc", "aaa", "bbb"):
        sandbox.subscribe(name)
    values = read(sandbox)
    assert values["pubsub_subscriptions"] == 3
    backlogs = [name for name in values if name.startswith("pubsub_backlog_messages")]
    assert [name.rpartition("/")[2] for name in backlogs] == ['aaa"}', 'bbb"}']


def test_a_project_of_any_name_is_escaped(sandbox):
    hostile = 'projects/a"b\\c\nd/subscriptions/all'
    sandbox.subscribe()
    subscriptions = sandbox.registry.subscriptions
    subscriptions[hostile] = subscriptions.pop("projects/p/subscriptions/all")
    subscriptions[hostile].name = hostile
    escaped = r"projects/a\"b\\c\nd/subscriptions/all"
    assert f'pubsub_backlog_messages{{subscription="{escaped}"}}' in read(sandbox)


def test_a_broker_serves_them_beside_its_key():
    with Broker() as broker, urllib.request.urlopen(broker.metrics_url, timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert answer.headers["Cache-Control"] == "no-store"
        assert b"\npubsub_topics 0\n" in answer.read()


def test_a_web_page_may_not_read_them():
    async def status():
        async with Broker() as broker:
            host, _, path = broker.metrics_url.removeprefix("http://").partition("/")
            reader, writer = await asyncio.open_connection(*host.split(":"))
            writer.write(
                f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://evil.test\r\n\r\n".encode()
            )
            line = await reader.readline()
            writer.close()
            return line

    assert b" 403 " in asyncio.run(status())
