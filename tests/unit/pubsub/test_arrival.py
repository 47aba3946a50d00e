"""Who publishes is answered before a receiver that waits gets the message."""

import asyncio

import grpc
import grpc.aio
import pytest

from emulator.pubsub import Broker, protos
from emulator.pubsub.doors import backend

TOPIC = "projects/p/topics/things"
SUBSCRIPTION = "projects/p/subscriptions/all"


class Client:
    """Calls methods of the API, and notes the order of what it is told."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self.told: list[str] = []

    async def call(self, method: str, request: object, response: type) -> object:
        """Call a method of the publisher or the subscriber, and note that it was answered."""
        answer = await self._channel.unary_unary(
            f"/google.pubsub.v1.{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=response.FromString,
        )(request)
        self.told.append(method.partition("/")[2])
        return answer

    async def stream(self) -> None:
        """Receive messages by streaming pull, without acknowledging them."""
        call = self._channel.stream_stream(
            "/google.pubsub.v1.Subscriber/StreamingPull",
            request_serializer=protos.StreamingPullRequest.SerializeToString,
            response_deserializer=protos.StreamingPullResponse.FromString,
        )()
        await call.write(
            protos.StreamingPullRequest(subscription=SUBSCRIPTION, stream_ack_deadline_seconds=60)
        )
        async for response in call:
            self.told += ["message"] * len(response.received_messages)

    async def pull(self) -> None:
        """Receive messages by one pull, without acknowledging them."""
        request = protos.PullRequest(subscription=SUBSCRIPTION, max_messages=10)
        answer = await self.call("Subscriber/Pull", request, protos.PullResponse)
        self.told[-1:] = ["message"] * len(answer.received_messages)

    async def hears(self, count: int) -> None:
        """Wait until it has been told so much."""
        async with asyncio.timeout(20):
            while len(self.told) < count:
                await asyncio.sleep(0.001)


@pytest.mark.parametrize("receive", [Client.stream, Client.pull])
def test_a_publisher_is_answered_first(receive, tmp_path, monkeypatch):
    # Long enough for the commit that the publisher waits for, however busy the machine is.
    monkeypatch.setattr(backend, "HEAD_START_SECONDS", 2.0)

    async def run():
        async with (
            Broker(data=tmp_path) as broker,
            grpc.aio.insecure_channel(broker.address) as channel,
        ):
            client = Client(channel)
            await client.call("Publisher/CreateTopic", protos.Topic(name=TOPIC), protos.Topic)
            subscription = protos.Subscription(name=SUBSCRIPTION, topic=TOPIC)
            await client.call("Subscriber/CreateSubscription", subscription, protos.Subscription)
            client.told.clear()
            receiving = asyncio.ensure_future(receive(client))
            await asyncio.sleep(0.1)
            request = protos.PublishRequest(topic=TOPIC, messages=[{"data": b"x"}])
            await client.call("Publisher/Publish", request, protos.PublishResponse)
            await client.hears(2)
            receiving.cancel()
            return client.told

    assert asyncio.run(run()) == ["Publish", "message"]
