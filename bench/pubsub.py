"""Compares the embedded Pub/Sub with Google's emulator: `.venv/bin/python -m bench.pubsub`.

Google's is started as shipped, with `java -jar`; `emulator.parts.pubsub` says where it is searched
for. Each figure is the median of several rounds in which the brokers take turns. The last column is
the factor by which the embedded one is better.
"""

import argparse
import asyncio
import base64
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
from google.api_core.exceptions import DeadlineExceeded
from google.cloud import pubsub_v1

from emulator.parts.pubsub import official_command
from emulator.ports import HOST, answers, free_port

PROJECT = "projects/bench"
MESSAGES = 20_000
MANY_MESSAGES = 200_000
MESSAGE_BYTES = 1_000
PULL_SIZE = 1_000
SLOW_MESSAGES = 100
SLOW_SECONDS = 1.0
SUBSCRIPTIONS = 2_000
STREAMS = 800
STREAMS_PER_CONNECTION = 100
IDLE_SECONDS = 5.0


@dataclass(frozen=True)
class Broker:
    """A broker that can be measured.

    Attributes:
        name: heading of its column.
        command: returns the command that starts it on a port.
    """

    name: str
    command: Callable[[int], list[str]]


@dataclass(frozen=True)
class Running:
    """A running broker.

    Attributes:
        pid: process id.
        port: where it listens.
        ready_seconds: from the start of the process to the first response.
        publisher: a client.
        subscriber: a client.
    """

    pid: int
    port: int
    ready_seconds: float
    publisher: Any
    subscriber: Any

    def rss_megabytes(self) -> float:
        """Return the resident memory of the broker."""
        ps = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(self.pid)],  # noqa: S607 - wherever ps is
            capture_output=True,
            check=True,
            text=True,
        )
        return int(ps.stdout) / 1024

    def cpu_seconds(self) -> float:
        """Return the processor time that the broker has used; Linux only."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.pubsub", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="default %(default)s")
    rounds = parser.parse_args(argv).rounds
    with tempfile.TemporaryDirectory() as folder:
        embedded = [sys.executable, "-m", "emulator.pubsub", "--host", HOST, "--port"]
        brokers = [
            Broker("embedded", lambda port: [*embedded, str(port)]),
            Broker("with --data", lambda port: [*embedded, str(port), "--data", folder]),
            Broker("Google's", official_command),
        ]
        _print_table(brokers, _measure(brokers, rounds))
    return 0


Figures = dict[str, dict[str, float]]


def _measure(brokers: list[Broker], rounds: int) -> Figures:
    """Return medians by figure and broker."""
    figures: Figures = {}

    def note(figure: str, broker: Broker, values: list[float]) -> None:
        figures.setdefault(figure, {})[broker.name] = statistics.median(values)

    for broker in brokers:
        _say(f"{broker.name}: starting {rounds + 1} times")
        starts = []
        for _ in range(rounds + 1):
            with _started(broker) as running:
                starts.append(running.ready_seconds)
        # The first start also reads everything from the disk.
        note("ready (s)", broker, starts[1:])
    published: dict[str, list[float]] = {broker.name: [] for broker in brokers}
    pulled: dict[str, list[float]] = {broker.name: [] for broker in brokers}
    used: dict[str, list[float]] = {broker.name: [] for broker in brokers}
    rest_published: dict[str, list[float]] = {broker.name: [] for broker in brokers}
    rest_pulled: dict[str, list[float]] = {broker.name: [] for broker in brokers}
    for turn in range(rounds):
        for broker in brokers:
            _say(f"{broker.name}: {MESSAGES} messages, round {turn + 1}")
            with _started(broker) as running:
                topic, subscription = _topic_and_subscription(running)
                _publish(running, topic, PULL_SIZE)
                _pull(running, subscription, PULL_SIZE)
                before = running.cpu_seconds()
                published[broker.name].append(MESSAGES / _publish(running, topic, MESSAGES))
                pulled[broker.name].append(MESSAGES / _pull(running, subscription, MESSAGES))
                used[broker.name].append(running.cpu_seconds() - before)
                publishing, pulling = _rest(running, topic, subscription)
                rest_published[broker.name].append(MESSAGES / publishing)
                rest_pulled[broker.name].append(MESSAGES / pulling)
    for broker in brokers:
        note("published (messages/s)", broker, published[broker.name])
        note("pulled and acknowledged (messages/s)", broker, pulled[broker.name])
        note(f"CPU for {MESSAGES} of both (s)", broker, used[broker.name])
        note("published over REST (messages/s)", broker, rest_published[broker.name])
        note("pulled over REST (messages/s)", broker, rest_pulled[broker.name])
    for broker in brokers:
        _say(f"{broker.name}: {SLOW_MESSAGES} pushes of {SLOW_SECONDS:g} s")
        with _started(broker) as running:
            note(f"{SLOW_MESSAGES} pushes of {SLOW_SECONDS:g} s (s)", broker, [_push(running)])
    for broker in brokers:
        _say(f"{broker.name}: {SUBSCRIPTIONS} subscriptions")
        with _started(broker) as running:
            note(f"{SUBSCRIPTIONS} subscriptions (s)", broker, [_subscribe(running)])
    for broker in brokers:
        _say(f"{broker.name}: {STREAMS} streams")
        with _started(broker) as running:
            note(f"idle after {STREAMS} streams (% CPU)", broker, [_idle(running)])
    for broker in brokers:
        _say(f"{broker.name}: memory over {MANY_MESSAGES} messages")
        with _started(broker) as running:
            topic, subscription = _topic_and_subscription(running)
            for count in range(MESSAGES, MANY_MESSAGES + 1, MESSAGES):
                _publish(running, topic, MESSAGES)
                _pull(running, subscription, MESSAGES)
                if count in (MESSAGES, MANY_MESSAGES):
                    note(f"memory after {count} (MB)", broker, [running.rss_megabytes()])
    return figures


@contextmanager
def _started(broker: Broker) -> Iterator[Running]:
    port = free_port()
    began = time.perf_counter()
    process = subprocess.Popen(
        broker.command(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not answers(port):
            if process.poll() is not None:
                raise SystemExit(f"{broker.name}: ended with status {process.returncode}")
            time.sleep(0.005)
        os.environ["PUBSUB_EMULATOR_HOST"] = f"{HOST}:{port}"
        publisher = pubsub_v1.PublisherClient(
            pubsub_v1.types.BatchSettings(max_messages=PULL_SIZE, max_bytes=2_000_000)
        )
        subscriber = pubsub_v1.SubscriberClient()
        list(publisher.list_topics(project=PROJECT))
        ready = time.perf_counter() - began
        yield Running(process.pid, port, ready, publisher, subscriber)
        publisher.stop()
        subscriber.close()
    finally:
        process.terminate()
        process.wait()


def _topic_and_subscription(running: Running) -> tuple[str, str]:
    name = f"t{time.monotonic_ns()}"
    topic = running.publisher.create_topic(name=f"{PROJECT}/topics/{name}").name
    subscription = running.subscriber.create_subscription(
        name=f"{PROJECT}/subscriptions/{name}", topic=topic, ack_deadline_seconds=600
    )
    return topic, subscription.name


def _publish(running: Running, topic: str, count: int) -> float:
    """Publish in batches; return the seconds until the last id was received."""
    data = os.urandom(MESSAGE_BYTES)
    began = time.perf_counter()
    futures = [running.publisher.publish(topic, data) for _ in range(count)]
    for future in futures:
        future.result(timeout=60)
    return time.perf_counter() - began


def _pull(running: Running, subscription: str, count: int) -> float:
    """Pull and acknowledge; return the seconds until the last is acknowledged."""
    began = time.perf_counter()
    left = count
    while left:
        with suppress(DeadlineExceeded):
            pulled = running.subscriber.pull(
                subscription=subscription, max_messages=PULL_SIZE, timeout=10
            ).received_messages
            if pulled:
                running.subscriber.acknowledge(
                    subscription=subscription, ack_ids=[message.ack_id for message in pulled]
                )
                left -= len(pulled)
    return time.perf_counter() - began


def _rest(running: Running, topic: str, subscription: str) -> tuple[float, float]:
    """Publish, and pull and acknowledge, over REST; return the seconds that each takes."""
    connection = http.client.HTTPConnection(HOST, running.port, timeout=60)

    def call(path: str, document: Any) -> Any:
        body = json.dumps(document)
        connection.request("POST", f"/v1/{path}", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read()
        if response.status != 200:
            raise SystemExit(f"{path}: {response.status} {text.decode()}")
        return json.loads(text)

    data = base64.b64encode(os.urandom(MESSAGE_BYTES)).decode()
    batch = {"messages": [{"data": data}] * PULL_SIZE}
    began = time.perf_counter()
    for _ in range(MESSAGES // PULL_SIZE):
        call(f"{topic}:publish", batch)
    published = time.perf_counter()
    left = MESSAGES
    while left:
        pulled = call(f"{subscription}:pull", {"maxMessages": PULL_SIZE})
        if ack_ids := [received["ackId"] for received in pulled.get("receivedMessages", ())]:
            call(f"{subscription}:acknowledge", {"ackIds": ack_ids})
            left -= len(ack_ids)
    connection.close()
    return published - began, time.perf_counter() - published


def _push(running: Running) -> float:
    """Have messages pushed to a slow endpoint; return the seconds until all are acknowledged."""
    answered = threading.Semaphore(0)

    class Endpoint(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(SLOW_SECONDS)
            self.send_response(204)
            self.end_headers()
            answered.release()

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    with Server((HOST, 0), Endpoint) as server:
        threading.Thread(target=server.serve_forever).start()
        topic, subscription = _topic_and_subscription(running)
        running.subscriber.modify_push_config(
            subscription=subscription,
            push_config=pubsub_v1.types.PushConfig(
                push_endpoint=f"http://{HOST}:{server.server_port}"
            ),
        )
        began = time.perf_counter()
        _publish(running, topic, SLOW_MESSAGES)
        for _ in range(SLOW_MESSAGES):
            answered.acquire()
        seconds = time.perf_counter() - began
        running.subscriber.delete_subscription(subscription=subscription)
        server.shutdown()
    return seconds


def _subscribe(running: Running) -> float:
    """Create subscriptions of one topic one by one; return the seconds that it takes."""
    topic, _ = _topic_and_subscription(running)
    began = time.perf_counter()
    for number in range(SUBSCRIPTIONS):
        name = f"{PROJECT}/subscriptions/s{number:04}"
        running.subscriber.create_subscription(name=name, topic=topic)
    return time.perf_counter() - began


def _idle(running: Running) -> float:
    """Open streaming pulls and close them; return the percentage of a processor used afterwards."""
    _, subscription = _topic_and_subscription(running)
    asyncio.run(_streams(os.environ["PUBSUB_EMULATOR_HOST"], subscription))
    time.sleep(IDLE_SECONDS)
    before = running.cpu_seconds()
    time.sleep(IDLE_SECONDS)
    return (running.cpu_seconds() - before) / IDLE_SECONDS * 100


async def _streams(address: str, subscription: str) -> None:
    """Have many streaming pulls open at once for two seconds."""
    request = pubsub_v1.types.StreamingPullRequest(
        subscription=subscription, stream_ack_deadline_seconds=10
    )
    async with AsyncExitStack() as cleanup:
        for _ in range(STREAMS // STREAMS_PER_CONNECTION):
            own = [("grpc.use_local_subchannel_pool", 1)]
            channel = await cleanup.enter_async_context(grpc.aio.insecure_channel(address, own))
            method = channel.stream_stream(
                "/google.pubsub.v1.Subscriber/StreamingPull",
                request_serializer=pubsub_v1.types.StreamingPullRequest.serialize,
            )
            for _ in range(STREAMS_PER_CONNECTION):
                stream = method()
                cleanup.callback(stream.cancel)
                await stream.write(request)
        await asyncio.sleep(2)


def _print_table(brokers: list[Broker], figures: Figures) -> None:
    embedded, official = brokers[0].name, brokers[-1].name
    print(f"{'':38}" + "".join(f"{broker.name:>13}" for broker in brokers) + f"{'ratio':>9}")
    for figure, values in figures.items():
        better, worse = values[embedded], values[official]
        if "messages/s" not in figure:
            better, worse = worse, better
        cells = "".join(f"{values[broker.name]:13,.2f}" for broker in brokers)
        print(f"{figure:38}{cells}" + (f"{better / worse:8.1f}x" if worse else ""))


def _say(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
