"""Runs the whole cloud for tests over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emulator.cloud import Cloud
from emulator.console import Console
from emulator.running import Addresses
from emulator.topology_file import read_topology


@contextmanager
def running(data: Path) -> Iterator[Addresses]:
    """Run every part with the embedded broker."""
    topology = read_topology()
    console = Console()
    with Cloud(topology, data, console) as cloud:
        yield cloud.addresses
