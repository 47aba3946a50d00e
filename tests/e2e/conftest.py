"""A whole cloud of real processes."""

import signal

import pytest

from emulator.client import Client
from emulator.errors import OfficialEmulatorMissing
from emulator.parts.pubsub import official_command
from emulator.ports import free_port
from tests.e2e.commands import up

BROKERS = ("embedded", "official")


def need(broker: str) -> None:
    """Skip the test where a broker is not installed, saying what it needs."""
    if broker == "official":
        try:
            official_command(0)
        except OfficialEmulatorMissing as error:
            pytest.skip(str(error))


@pytest.fixture
def cloud(shared_cloud):
    """A cloud on the embedded broker; test_official_broker.py has one on Google's."""
    return shared_cloud


@pytest.fixture
def client(cloud):
    return Client(cloud.addresses.upload)


@pytest.fixture
def url(cloud):
    return cloud.addresses.upload


@pytest.fixture(scope="session")
def shared_up(tmp_path_factory):
    """The command `up`, running, for tests that leave it as it was."""
    with up(tmp_path_factory.mktemp("up"), "--port", free_port()) as running:
        yield running
        running.stop(signal.SIGINT)
