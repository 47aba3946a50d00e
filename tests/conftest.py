"""Fixtures and settings for all tests."""

import os

import pytest
from hypothesis import settings

from emulator.cloud import Cloud
from emulator.console import Console
from emulator.topology_file import read_topology
from tests.layers import Layers

# No deadline for examples, since other tests run concurrently. Examples are the same in every run,
# so that a failure is caused by the change. To search for new ones: HYPOTHESIS_PROFILE=search
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

_GROUPS = {"shared_cloud": "cloud", "chromium": "cloud", "shared_up": "up"}
"""Group of the tests that share a session fixture, by fixture; one process runs each group."""

_OF_A_FILE = {"emulator", "guarded", "programs", "released_once", "server", "steered"}
"""Slow module fixtures."""


def pytest_configure(config):
    config.pluginmanager.register(Layers())


def pytest_collection_modifyitems(items):
    """Run tests that share a server in one process, so that it is started once."""
    for item in items:
        if item.get_closest_marker("xdist_group"):
            continue
        uses = set(item.fixturenames)
        groups = {_GROUPS[name] for name in uses & _GROUPS.keys()}
        if "shared_broker" in uses:
            groups = {item.callspec.params["shared_broker"]}
        if uses & _OF_A_FILE:
            groups = {item.path.stem}
        for group in groups:
            item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def shared_cloud(tmp_path_factory):
    """A cloud with the embedded broker, for tests that do not change it."""
    topology = read_topology()
    with Cloud(topology, tmp_path_factory.mktemp("cloud"), Console()) as cloud:
        yield cloud
