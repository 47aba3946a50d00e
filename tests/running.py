"""The whole cloud, for tests of what it answers over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emulator.cloud import TOPOLOGY, Addresses, Cloud
from emulator.console import Console
from emulator.topology import Topology


@contextmanager
def running(data: Path) -> Iterator[Addresses]:
    """Run every part with the embedded broker."""
    topology = Topology.load(TOPOLOGY)
    console = Console([*topology.functions, "pubsub", "scheduler", "storage"])
    with Cloud(topology, data, console) as cloud:
        yield cloud.addresses
