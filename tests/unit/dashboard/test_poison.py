"""What poison changes for a while is as before afterwards, on each subscription."""

import threading
from types import SimpleNamespace

import pytest

from emulator.dashboard import poison
from emulator.dashboard.poison import Poison
from emulator.dashboard.pubsub import BrokerFailed
from emulator.pubsub import protos

MORTAL = ("resize", "crop")


class Broker:
    """A broker that notes the most attempts of each subscription, and may refuse messages."""

    tells = True

    def __init__(self) -> None:
        self.most_attempts = {}
        self.refuses = False
        self.changed = threading.Condition()

    def update(self, subscription, *_fields):
        with self.changed:
            most = subscription.dead_letter_policy.max_delivery_attempts
            self.most_attempts[subscription.name] = most
            self.changed.notify_all()

    def publish(self, topic, data, attributes):
        if self.refuses:
            raise BrokerFailed("The broker does not answer.")
        return f"message to {topic}"

    def restores(self, *names):
        with self.changed:
            return self.changed.wait_for(
                lambda: all(self.most_attempts[name] == 16 for name in names), timeout=20
            )


class Flow:
    """A flow in which messages are dead from the moment that a test says so."""

    def __init__(self) -> None:
        self.dead = threading.Event()

    def life(self, id):
        return {"entries": [{"kind": "dead"}] if self.dead.is_set() else []}


@pytest.fixture
def broker():
    return Broker()


@pytest.fixture
def flow():
    return Flow()


@pytest.fixture
def sender(broker, flow):
    def subscriptions():
        found = {name: protos.Subscription(name=name) for name in MORTAL}
        for each in found.values():
            each.dead_letter_policy.max_delivery_attempts = 16
        return found

    known = {
        name: SimpleNamespace(topic=f"{name}s", push_to=name, dead_letter=True) for name in MORTAL
    }
    cloud = SimpleNamespace(
        topology=SimpleNamespace(subscriptions=known),
        source=SimpleNamespace(debuggers={}, is_ours=False),
        addresses=SimpleNamespace(entrance=None),
        subscriptions=subscriptions,
    )
    watching = SimpleNamespace(flow=flow, controls=SimpleNamespace(poison="poison-1"))
    sender = Poison(cloud, watching, broker)
    yield sender
    sender.close()


def test_each_subscription_is_restored_when_its_poison_has_died(sender, broker, flow):
    for name in MORTAL:
        sender.send(name)
    assert broker.most_attempts == dict.fromkeys(MORTAL, poison.ATTEMPTS)
    flow.dead.set()
    assert broker.restores(*MORTAL)


def test_a_subscription_is_restored_when_no_poison_could_be_sent(sender, broker):
    broker.refuses = True
    with pytest.raises(BrokerFailed):
        sender.send("resize")
    assert broker.restores("resize")
