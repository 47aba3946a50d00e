"""A fixture for the tests of any project: `pytest_plugins = ["emulator.pubsub.pytest_plugin"]`."""

from collections.abc import Iterator

import pytest

from emulator.pubsub import Broker


@pytest.fixture
def pubsub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    """Run an empty broker during a test; clients made in the test connect to it."""
    with Broker() as broker:
        for name, value in broker.environment.items():
            monkeypatch.setenv(name, value)
        yield broker
