import pytest

from emulator.pubsub.rules.policies import DeadLetterPolicy, RetryPolicy, SubscriptionPolicy
from emulator.pubsub.rules.subscription import Subscription
from tests.unit.pubsub.sandbox import Sandbox, contents


class Recorder:
    def __init__(self) -> None:
        self.released: list[int] = []

    def release(self, size: int) -> None:
        self.released.append(size)


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox()


def test_a_leased_message_is_nobody_elses(sandbox):
    subscription = sandbox.subscribe()
    sandbox.publish("one")
    assert contents(sandbox.lease(subscription)) == ["one"]
    assert sandbox.lease(subscription) == []


def test_messages_come_in_the_order_they_were_published(sandbox):
    subscription = sandbox.subscribe()
    for content in "abc":
        sandbox.publish(content)
    assert contents(sandbox.lease(subscription, limit=2)) == ["a", "b"]
    assert contents(sandbox.lease(subscription)) == ["c"]


def test_an_acknowledged_message_is_gone(sandbox):
    subscription = sandbox.subscribe()
    sandbox.publish("one")
    assert sandbox.take(subscription) == ["one"]
    sandbox.wait(60)
    assert sandbox.lease(subscription) == []


def test_a_message_comes_again_when_its_deadline_has_passed(sandbox):
    subscription = sandbox.subscribe(ack_deadline=10.0)
    sandbox.publish("one")
    sandbox.lease(subscription)
    sandbox.wait(9.9)
    assert sandbox.lease(subscription) == []
    sandbox.wait(0.1)
    (again,) = sandbox.lease(subscription)
    assert again.attempts == 2


def test_a_refused_message_comes_again_at_once(sandbox):
    subscription = sandbox.subscribe()
    sandbox.publish("one")
    sandbox.refuse(subscription, *sandbox.lease(subscription))
    assert contents(sandbox.lease(subscription)) == ["one"]


def test_a_refused_message_does_not_hold_up_the_others(sandbox):
    subscription = sandbox.subscribe()
    sandbox.publish("poison")
    sandbox.publish("fine")
    sandbox.refuse(subscription, *sandbox.lease(subscription, limit=1))
    assert contents(sandbox.lease(subscription, limit=1)) == ["fine"]


def test_a_longer_deadline_keeps_a_lease(sandbox):
    subscription = sandbox.subscribe(ack_deadline=10.0)
    sandbox.publish("one")
    (delivery,) = sandbox.lease(subscription)
    subscription.modify([delivery.lease], 60, sandbox.now)
    sandbox.wait(59)
    assert sandbox.lease(subscription) == []
    assert sandbox.acknowledge(subscription, delivery) == []


def test_a_shorter_deadline_ends_a_lease_sooner(sandbox):
    subscription = sandbox.subscribe(ack_deadline=600.0)
    sandbox.publish("one")
    (delivery,) = sandbox.lease(subscription)
    subscription.modify([delivery.lease], 5, sandbox.now)
    sandbox.wait(5)
    assert contents(sandbox.lease(subscription)) == ["one"]


def test_an_expired_lease_acknowledges_nothing_and_is_reported(sandbox):
    subscription = sandbox.subscribe(ack_deadline=10.0)
    sandbox.publish("one")
    (late,) = sandbox.lease(subscription)
    number = late.lease
    sandbox.wait(10)
    assert subscription.acknowledge([number], sandbox.now) == [number]
    assert subscription.modify([number], 10, sandbox.now) == [number]
    assert contents(sandbox.lease(subscription)) == ["one"]


def test_a_receiver_may_ask_for_another_deadline(sandbox):
    subscription = sandbox.subscribe(ack_deadline=10.0)
    sandbox.publish("one")
    sandbox.lease(subscription, seconds=30.0)
    sandbox.wait(29)
    assert sandbox.lease(subscription) == []


def test_a_receiver_gets_no_more_bytes_than_it_asks_for_but_at_least_one_message(sandbox):
    subscription = sandbox.subscribe()
    for content in ("large" * 10, "b" * 10, "c" * 10, "d" * 10):
        sandbox.publish(content)
    # With id and publish time, each of the small ones has 20 to 25 bytes.
    assert len(sandbox.lease(subscription, max_bytes=50)) == 1
    assert len(sandbox.lease(subscription, max_bytes=50)) == 2
    assert len(sandbox.lease(subscription, max_bytes=50)) == 1


def test_a_holder_is_told_what_it_no_longer_holds(sandbox):
    subscription = sandbox.subscribe(ack_deadline=10.0)
    for content in ("a", "bb", "ccc"):
        sandbox.publish(content)
    holder = Recorder()
    first, second, third = sandbox.lease(subscription, on_end=holder.release)
    sandbox.acknowledge(subscription, first)
    sandbox.refuse(subscription, second)
    sandbox.wait(10)
    subscription.advance(sandbox.now)
    sizes = [len(delivery.message.wire) for delivery in (first, second, third)]
    assert holder.released == sizes == [sizes[0], sizes[0] + 1, sizes[0] + 2]


def test_a_retry_policy_lets_a_message_wait_twice_as_long_each_time(sandbox):
    subscription = sandbox.subscribe(retry=RetryPolicy(minimum=10.0, maximum=35.0))
    sandbox.publish("one")
    for delay in (10.0, 20.0, 35.0, 35.0):
        sandbox.refuse(subscription, *sandbox.lease(subscription))
        sandbox.wait(delay - 0.1)
        assert sandbox.lease(subscription) == []
        sandbox.wait(0.1)
        subscription.advance(sandbox.now)
    assert contents(sandbox.lease(subscription)) == ["one"]


def test_a_retry_policy_holds_for_expired_leases_too(sandbox):
    subscription = sandbox.subscribe(ack_deadline=10.0, retry=RetryPolicy(30.0, 600.0))
    sandbox.publish("one")
    sandbox.lease(subscription)
    sandbox.wait(10)
    subscription.advance(sandbox.now)
    sandbox.wait(29.9)
    assert sandbox.lease(subscription) == []
    sandbox.wait(0.1)
    assert contents(sandbox.lease(subscription)) == ["one"]


def test_a_message_that_nobody_takes_in_time_is_dropped(sandbox):
    subscription = sandbox.subscribe(retention=600.0)
    sandbox.publish("old")
    sandbox.wait(601)
    sandbox.publish("new")
    assert contents(sandbox.lease(subscription)) == ["new"]


def test_an_alarm_is_set_for_the_end_of_a_lease(sandbox):
    subscription = sandbox.subscribe(ack_deadline=10.0)
    sandbox.publish("one")
    sandbox.lease(subscription)
    assert sandbox.alarms == [sandbox.now + 10.0]
    sandbox.rung.clear()
    sandbox.wait(10)
    sandbox.registry.advance(sandbox.now)
    assert sandbox.rung == [subscription.name]


def test_after_an_alarm_the_next_one_is_set(sandbox):
    subscription = sandbox.subscribe(ack_deadline=10.0, retry=RetryPolicy(7.0, 60.0))
    sandbox.publish("one")
    sandbox.lease(subscription)
    sandbox.wait(10)
    sandbox.alarms.clear()
    sandbox.registry.advance(sandbox.now)
    assert sandbox.alarms[-1] == sandbox.now + 7.0


def test_a_seek_ends_all_leases_and_brings_leased_messages_back_at_once(sandbox):
    subscription = sandbox.subscribe()
    sandbox.publish("a")
    (leased,) = sandbox.lease(subscription)
    old_lease = leased.lease
    sandbox.seek(subscription, 1.0)
    assert subscription.acknowledge([old_lease], sandbox.now) == [old_lease]
    (again,) = sandbox.lease(subscription)
    assert again.message is leased.message
    assert again.attempts == 1


def test_a_receiver_is_told_that_a_seek_has_ended_its_lease(sandbox):
    subscription = sandbox.subscribe()
    sandbox.publish("a")
    ended = []
    (leased,) = sandbox.lease(subscription, on_end=ended.append)
    sandbox.seek(subscription, 1.0)
    assert ended == [len(leased.message.wire)]


def test_a_lease_from_before_a_seek_refuses_nothing(sandbox):
    grave = "projects/p/topics/grave"
    sandbox.registry.create_topic(grave)
    subscription = sandbox.subscribe(ordered=True, dead_letter=DeadLetterPolicy(grave, 5))
    sandbox.publish("a", "k")
    for _ in range(4):
        sandbox.refuse(subscription, *sandbox.lease(subscription))
    (fifth,) = sandbox.lease(subscription)
    old_lease = fifth.lease
    sandbox.seek(subscription, 1.0)
    sandbox.lease(subscription)
    assert subscription.modify([old_lease], 0, sandbox.now) == [old_lease]
    assert sandbox.lease(subscription) == []


def test_a_lease_may_be_named_twice(sandbox):
    subscription = sandbox.subscribe(exactly_once=True)
    sandbox.publish("a")
    sandbox.publish("b")
    a, b = (delivery.lease for delivery in sandbox.lease(subscription))
    assert subscription.acknowledge([a, a], sandbox.now) == []
    assert subscription.modify([b, b], 0, sandbox.now) == []


def test_what_a_snapshot_guarantees_comes_back_however_old_it_is(sandbox):
    subscription = sandbox.subscribe(retention=600.0)
    sandbox.publish("a")
    sandbox.registry.create_snapshot("projects/p/snapshots/before", subscription.name)
    sandbox.take(subscription)
    sandbox.wait(601)
    sandbox.seek_snapshot(subscription, "projects/p/snapshots/before")
    sandbox.registry.expire(sandbox.now)
    assert sandbox.take(subscription) == ["a"]


def test_ack_ids_of_two_runs_differ(sandbox):
    first, second = (
        Subscription("projects/p/subscriptions/s", 1, SubscriptionPolicy("t"), sandbox.router, run)
        for run in ("a", "b")
    )
    assert first.ack_prefix != second.ack_prefix
