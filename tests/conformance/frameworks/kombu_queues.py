"""Uses queues of kombu, which carry the tasks of Celery: direct ones and fanout."""

import os
import sys
from typing import Any

from kombu import Connection, Exchange, Message, Queue

TASKS = Queue("tasks", Exchange("tasks", "direct"), routing_key="tasks")
NEWS = Exchange("news", "fanout")
READERS = [Queue("first", NEWS), Queue("second", NEWS)]


def main() -> None:
    options = {"wait_time_seconds": 1}
    with Connection("gcpubsub://projects/kombu", transport_options=options) as connection:
        producer = connection.Producer()
        refused_once(connection, producer)
        told_to_all(connection, producer)
        # kombu would wait 10 seconds for the pulls that it has begun.
        sys.stdout.flush()
        os._exit(0)


def refused_once(connection: Connection, producer: Any) -> None:
    """A task that is put back comes again, and not after its acknowledgement."""
    seen: list[str] = []

    def work(task: str, message: Message) -> None:
        seen.append(task)
        if seen.count(task) == 1:
            message.requeue()
        else:
            message.ack()

    with connection.Consumer([TASKS], callbacks=[work]):
        for task in ("a", "b"):
            producer.publish(task, exchange=TASKS.exchange, routing_key="tasks", declare=[TASKS])
        while len(seen) < 4:
            connection.drain_events(timeout=20)
        assert nothing_comes(connection)
    print("worked on", *sorted(seen))


def told_to_all(connection: Connection, producer: Any) -> None:
    """Each queue of a fanout exchange gets a copy."""
    seen: set[str] = set()

    def read(news: str, message: Message) -> None:
        seen.add(f"{message.delivery_info['gcpubsub_message']['queue']}:{news}")

    with connection.Consumer(READERS, callbacks=[read], no_ack=True):
        producer.publish("hello", exchange=NEWS, routing_key="")
        while len(seen) < 2:
            connection.drain_events(timeout=20)
    print("read", *sorted(seen))


def nothing_comes(connection: Connection) -> bool:
    try:
        connection.drain_events(timeout=1)
    except TimeoutError:
        return True
    return False


if __name__ == "__main__":
    main()
