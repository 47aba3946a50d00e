"""Fixtures for the tests of any project: `pubsub`, and `pubsub_broker` behind it.

pytest finds them by itself where the package is installed.
"""

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from emulator.pubsub import Broker


@dataclass(frozen=True)
class PubsubProject:
    """A project that one test has for itself.

    Attributes:
        project: Its id.
        broker: The broker, which other tests use too.
    """

    project: str
    broker: "Broker"

    @property
    def address(self) -> str:
        """`host:port` of the API."""
        return self.broker.address

    @property
    def environment(self) -> dict[str, str]:
        """The variables that connect client libraries to the broker and name the project."""
        names = ("GOOGLE_CLOUD_PROJECT", "PUBSUB_PROJECT_ID")
        return self.broker.environment | dict.fromkeys(names, self.project)

    def topic_path(self, topic: str) -> str:
        """Return the full name of a topic of the project."""
        return f"projects/{self.project}/topics/{topic}"

    def subscription_path(self, subscription: str) -> str:
        """Return the full name of a subscription of the project."""
        return f"projects/{self.project}/subscriptions/{subscription}"


@pytest.fixture(scope="session")
def pubsub_broker() -> Iterator["Broker"]:
    """Run a broker as long as tests run; override this fixture to give it options."""
    # Imported when it is needed, so that it costs nothing to have the plugin installed.
    from emulator.pubsub import Broker

    with Broker(storage=os.environ.get("STORAGE_EMULATOR_HOST")) as broker:
        yield broker


@pytest.fixture
def pubsub(pubsub_broker: "Broker", monkeypatch: pytest.MonkeyPatch) -> Iterator[PubsubProject]:
    """Give a test an empty project; clients that it makes connect to it."""
    mine = PubsubProject(f"test-{secrets.token_hex(4)}", pubsub_broker)
    for name, value in mine.environment.items():
        monkeypatch.setenv(name, value)
    yield mine
    pubsub_broker.remove_project(mine.project).result()
