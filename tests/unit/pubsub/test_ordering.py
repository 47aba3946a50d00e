import pytest

from emulator.pubsub.rules.policies import DeadLetterPolicy, RetryPolicy
from tests.unit.pubsub.sandbox import Sandbox, contents


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox()


def published(sandbox, *contents, key="k"):
    for content in contents:
        sandbox.publish(content, key)


def test_messages_of_a_key_come_in_order(sandbox):
    subscription = sandbox.subscribe(ordered=True)
    published(sandbox, "a", "b", "c")
    assert contents(sandbox.lease(subscription)) == ["a", "b", "c"]


def test_a_key_is_locked_while_something_of_it_is_outstanding(sandbox):
    subscription = sandbox.subscribe(ordered=True)
    published(sandbox, "a", "b")
    (first,) = sandbox.lease(subscription, limit=1)
    published(sandbox, "c")
    assert sandbox.lease(subscription) == []
    sandbox.acknowledge(subscription, first)
    assert contents(sandbox.lease(subscription)) == ["b", "c"]


def test_other_keys_and_messages_without_a_key_go_on(sandbox):
    subscription = sandbox.subscribe(ordered=True)
    published(sandbox, "a", "b")
    sandbox.lease(subscription, limit=1)
    published(sandbox, "other", key="other")
    published(sandbox, "none", key="")
    assert contents(sandbox.lease(subscription)) == ["other", "none"]


def test_one_of_each_key_is_taken_when_that_is_asked_for(sandbox):
    subscription = sandbox.subscribe(ordered=True)
    published(sandbox, "a1", "a2", key="a")
    published(sandbox, "b1", "b2", key="b")
    published(sandbox, "none", key="")
    assert contents(sandbox.lease(subscription, one_per_key=True)) == ["a1", "b1", "none"]


def test_a_refused_message_takes_those_behind_it_along(sandbox):
    subscription = sandbox.subscribe(ordered=True)
    published(sandbox, "a", "b", "c")
    a, b, c = sandbox.lease(subscription)
    sandbox.acknowledge(subscription, a)
    sandbox.refuse(subscription, b)
    assert sandbox.acknowledge(subscription, c) == [c.lease]
    assert contents(sandbox.lease(subscription)) == ["b", "c"]


def test_what_was_acknowledged_behind_a_failure_is_delivered_again(sandbox):
    subscription = sandbox.subscribe(ordered=True)
    published(sandbox, "a", "b")
    a, b = sandbox.lease(subscription)
    sandbox.acknowledge(subscription, b)
    sandbox.refuse(subscription, a)
    assert contents(sandbox.lease(subscription)) == ["a", "b"]


def test_messages_acknowledged_out_of_order_are_gone_in_the_end(sandbox):
    subscription = sandbox.subscribe(ordered=True)
    published(sandbox, "a", "b")
    a, b = sandbox.lease(subscription)
    sandbox.acknowledge(subscription, b)
    sandbox.acknowledge(subscription, a)
    sandbox.wait(60)
    assert sandbox.lease(subscription) == []


def test_only_the_message_that_failed_counts_a_failure(sandbox):
    subscription = sandbox.subscribe(ordered=True)
    published(sandbox, "a", "b")
    a, _b = sandbox.lease(subscription)
    sandbox.refuse(subscription, a)
    assert [delivery.attempts for delivery in sandbox.lease(subscription)] == [2, 1]


def test_the_whole_key_waits_for_a_retry(sandbox):
    subscription = sandbox.subscribe(ordered=True, retry=RetryPolicy(10.0, 600.0))
    published(sandbox, "a", "b")
    sandbox.refuse(subscription, *sandbox.lease(subscription, limit=1))
    published(sandbox, "c")
    sandbox.wait(9.9)
    assert sandbox.lease(subscription) == []
    sandbox.wait(0.1)
    assert contents(sandbox.lease(subscription)) == ["a", "b", "c"]


def test_an_expired_batch_comes_again_in_order(sandbox):
    subscription = sandbox.subscribe(ordered=True, ack_deadline=10.0)
    published(sandbox, "a", "b", "c")
    sandbox.lease(subscription)
    sandbox.wait(10)
    assert contents(sandbox.lease(subscription)) == ["a", "b", "c"]


def test_without_ordering_a_key_means_nothing(sandbox):
    subscription = sandbox.subscribe()
    published(sandbox, "a", "b")
    sandbox.lease(subscription, limit=1)
    assert contents(sandbox.lease(subscription)) == ["b"]


def test_expired_messages_of_a_key_make_way(sandbox):
    subscription = sandbox.subscribe(ordered=True, retention=600.0)
    published(sandbox, "old")
    sandbox.wait(601)
    assert sandbox.lease(subscription) == []
    published(sandbox, "new")
    assert contents(sandbox.lease(subscription)) == ["new"]


def test_exactly_once_a_message_is_not_acknowledged_before_its_predecessors(sandbox):
    subscription = sandbox.subscribe(ordered=True, exactly_once=True)
    published(sandbox, "a", "b", "c")
    a, b, c = (delivery.lease for delivery in sandbox.lease(subscription))
    assert subscription.out_of_turn([b], sandbox.now) == {b}
    assert subscription.out_of_turn([c, a], sandbox.now) == {c}
    assert subscription.out_of_turn([c, b, a], sandbox.now) == set()
    subscription.acknowledge([a], sandbox.now)
    assert subscription.out_of_turn([b], sandbox.now) == set()


def test_without_exactly_once_messages_are_acknowledged_in_any_order(sandbox):
    subscription = sandbox.subscribe(ordered=True)
    published(sandbox, "a", "b")
    _, b = (delivery.lease for delivery in sandbox.lease(subscription))
    assert subscription.out_of_turn([b], sandbox.now) == set()


def test_a_dead_letter_does_not_come_again_when_its_predecessor_fails(sandbox):
    grave = "projects/p/topics/grave"
    sandbox.registry.create_topic(grave)
    buried = sandbox.subscribe("grave", topic=grave)
    subscription = sandbox.subscribe(
        ordered=True, retain_acked=True, dead_letter=DeadLetterPolicy(grave, 5)
    )
    published(sandbox, "a", "b")
    sandbox.take(subscription, limit=1)
    for _ in range(4):
        sandbox.refuse(subscription, *sandbox.lease(subscription))
    sandbox.seek(subscription, 1.0)
    a, b = sandbox.lease(subscription)
    sandbox.refuse(subscription, b)
    assert sandbox.take(buried) == ["b"]
    sandbox.refuse(subscription, a)
    assert sandbox.take(subscription) == ["a"]
    assert sandbox.lease(subscription) == []
