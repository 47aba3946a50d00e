"""The brokers under test, each a process that is only used through its API."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.cloud import pubsub_v1
from google.pubsub_v1 import SchemaServiceClient
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport

from emulator.bootstrap import ROOT
from emulator.parts.pubsub import official_command
from emulator.ports import HOST, answers, free_port

PROJECT = "projects/conformance"


@dataclass
class Broker:
    """A broker that runs, and clients of it.

    Attributes:
        kind: `embedded` or `official`.
        address: host:port.
        publisher: sends each message at once.
        subscriber: an unmodified client.
        process: to be killed where a test is about that.
    """

    kind: str
    address: str
    publisher: pubsub_v1.PublisherClient
    subscriber: pubsub_v1.SubscriberClient
    process: subprocess.Popen[Any]

    def close(self) -> None:
        self.publisher.stop()
        self.publisher.transport.close()
        self.subscriber.close()


@contextmanager
def running(kind: str, *, port: int | None = None, data: Path | None = None) -> Iterator[Broker]:
    """Run a broker; it is stopped by its own process id."""
    port = port or free_port()
    process = subprocess.Popen(
        _command(kind, port, data),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 60
        while not answers(port):
            assert process.poll() is None, f"{kind} broker ended with {process.returncode}"
            assert time.monotonic() < end, f"{kind} broker is not ready"
            time.sleep(0.02)
        broker = connected(kind, f"{HOST}:{port}", process)
        yield broker
        broker.close()
    finally:
        process.terminate()
        process.wait(20)


def _command(kind: str, port: int, data: Path | None) -> Sequence[str]:
    if kind == "official":
        return official_command(port)
    kept = ("--data", str(data)) if data else ()
    return [sys.executable, "-m", "emulator.pubsub", "--port", str(port), *kept]


def connected(kind: str, address: str, process: subprocess.Popen[Any]) -> Broker:
    """Return clients of a broker, which the process is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBSUB_EMULATOR_HOST", address)
        return Broker(
            kind,
            address,
            pubsub_v1.PublisherClient(
                pubsub_v1.types.BatchSettings(max_messages=1),
                pubsub_v1.types.PublisherOptions(enable_message_ordering=True),
            ),
            pubsub_v1.SubscriberClient(),
            process,
        )


def schema_client(broker: Broker) -> SchemaServiceClient:
    """Return a client of the schemas of a broker, to be closed by the caller."""
    channel = grpc.insecure_channel(broker.address)
    return SchemaServiceClient(transport=SchemaServiceGrpcTransport(channel=channel))
