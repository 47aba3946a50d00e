"""Sends messages to actors of Dramatiq, and runs a worker until they are done."""

import queue

import dramatiq
from dramatiq_gcpubsub import PubSubBroker

broker = PubSubBroker("dramatiq", middleware=[])
dramatiq.set_broker(broker)
done: queue.Queue[int] = queue.Queue()


@dramatiq.actor
def add(left: int, right: int) -> None:
    done.put(left + right)


def main() -> None:
    worker = dramatiq.Worker(broker, worker_threads=2, worker_timeout=100)
    worker.start()
    for number in range(5):
        add.send(number, 10)
    print("added", *sorted(done.get(timeout=20) for _ in range(5)))
    worker.stop()


if __name__ == "__main__":
    main()
