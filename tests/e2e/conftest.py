"""A whole cloud of real processes, once with each broker."""

import pytest

from emulator.client import Client
from emulator.cloud import Cloud
from emulator.console import Console
from emulator.errors import OfficialEmulatorMissing
from emulator.parts.pubsub import official_command
from emulator.topology_file import read_topology

BROKERS = ("embedded", "official")


def need(broker: str) -> None:
    """Skip the test where a broker is not installed, saying what it needs."""
    if broker == "official":
        try:
            official_command(0)
        except OfficialEmulatorMissing as error:
            pytest.skip(str(error))


@pytest.fixture(scope="session", params=BROKERS)
def cloud(request, tmp_path_factory):
    need(request.param)
    topology = read_topology()
    console = Console()
    with Cloud(topology, tmp_path_factory.mktemp("data"), console, broker=request.param) as cloud:
        yield cloud


@pytest.fixture
def client(cloud):
    return Client(cloud.addresses.upload)


@pytest.fixture
def url(cloud):
    return cloud.addresses.upload
