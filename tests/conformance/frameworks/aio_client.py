"""Publishes and pulls with gcloud-aio-pubsub, which speaks REST."""

import asyncio

from gcloud.aio.pubsub import PublisherClient, PubsubMessage, SubscriberClient

TOPIC = "projects/aio/topics/things"
SUBSCRIPTION = "projects/aio/subscriptions/things"


async def main() -> None:
    async with PublisherClient() as publisher, SubscriberClient() as subscriber:
        await publisher.create_topic(TOPIC)
        await subscriber.create_subscription(SUBSCRIPTION, TOPIC)
        listed = await publisher.list_topics("projects/aio")
        print("listed", *[topic["name"] for topic in listed["topics"]])
        await publisher.publish(TOPIC, [PubsubMessage(b"one \xff", colour="red")])
        [message] = await subscriber.pull(SUBSCRIPTION, max_messages=10)
        print("pulled", message.data, message.attributes)
        await subscriber.modify_ack_deadline(SUBSCRIPTION, [message.ack_id], 0)
        [again] = await subscriber.pull(SUBSCRIPTION, max_messages=10)
        await subscriber.acknowledge(SUBSCRIPTION, [again.ack_id])
        print("again", again.data)
        await subscriber.delete_subscription(SUBSCRIPTION)
        await publisher.delete_topic(TOPIC)


if __name__ == "__main__":
    asyncio.run(main())
