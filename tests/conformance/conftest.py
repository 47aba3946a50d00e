"""One suite over both brokers.

If Google's emulator differs from production, the test has the mark `departure` with what it does
and the URL of the documentation; the test must then fail on it, and pass on ours.
"""

import time
import uuid
from collections.abc import Iterator

import pytest
from google.cloud import pubsub_v1

from emulator.errors import OfficialEmulatorMissing
from emulator.parts.pubsub import official_command
from tests.conformance.brokers import PROJECT, Broker, running
from tests.conformance.endpoint import Endpoint, listening


@pytest.fixture(scope="session", params=["embedded", "official"])
def shared_broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    if request.param == "official":
        try:
            official_command(0)
        except OfficialEmulatorMissing as error:
            pytest.skip(str(error))
    with running(request.param) as broker:
        yield broker


@pytest.fixture
def broker(request: pytest.FixtureRequest, shared_broker: Broker) -> Broker:
    departure = request.node.get_closest_marker("departure")
    if departure and shared_broker.kind == "official":
        does, documented = departure.args
        reason = f"Google's emulator {does}; production: {documented}"
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    return shared_broker


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with listening() as endpoint:
        yield endpoint


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
def topic(broker: Broker, name: str) -> Iterator[str]:
    path = f"{PROJECT}/topics/{name}"
    broker.publisher.create_topic(name=path)
    yield path
    broker.publisher.delete_topic(topic=path)


class Subscriptions:
    """Makes subscriptions to a topic, and deletes them at the end."""

    def __init__(self, broker: Broker, topic: str, name: str) -> None:
        self._broker = broker
        self._topic = topic
        self._name = name
        self.made: list[str] = []

    def __call__(self, **settings: object) -> str:
        path = f"{PROJECT}/subscriptions/{self._name}-{len(self.made)}"
        self._broker.subscriber.create_subscription(
            request={"name": path, "topic": self._topic, **settings}
        )
        self.made.append(path)
        return path


@pytest.fixture
def subscribe(broker: Broker, topic: str, name: str) -> Iterator[Subscriptions]:
    subscriptions = Subscriptions(broker, topic, name)
    yield subscriptions
    for path in subscriptions.made:
        broker.subscriber.delete_subscription(subscription=path)


@pytest.fixture
def publish(broker: Broker, topic: str):
    """Publish messages, each with the same attributes; return their ids."""

    def publish(*data: bytes, ordering_key: str = "", **attributes: str) -> list[str]:
        futures = [
            broker.publisher.publish(topic, item, ordering_key, **attributes) for item in data
        ]
        return [future.result(20) for future in futures]

    return publish


@pytest.fixture
def pull(broker: Broker):
    """Pull until so many messages have come, without acknowledging them."""

    def pull(
        subscription: str, count: int = 1, seconds: float = 20
    ) -> list[pubsub_v1.types.ReceivedMessage]:
        received: list[pubsub_v1.types.ReceivedMessage] = []
        end = time.monotonic() + seconds
        while len(received) < count:
            assert time.monotonic() < end, f"{len(received)} of {count} messages came"
            answer = broker.subscriber.pull(
                subscription=subscription, max_messages=count, timeout=seconds
            )
            received += answer.received_messages
        return received

    return pull


@pytest.fixture
def nothing_comes(broker: Broker):
    """See that a subscription has nothing to deliver now."""

    def nothing_comes(subscription: str) -> None:
        request = {"subscription": subscription, "max_messages": 10, "return_immediately": True}
        with pytest.warns(DeprecationWarning, match="return_immediately"):
            answer = broker.subscriber.pull(request=request, timeout=10)
        assert [item.message.data for item in answer.received_messages] == []

    return nothing_comes
