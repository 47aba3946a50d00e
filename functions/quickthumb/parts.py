"""The parts that the functions share, each created, and imported, on first use.

No function uses all of them, and each takes a while to import: an instance that starts is waited
for.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from quickthumb.settings import Settings
from quickthumb.store import Store

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from quickthumb.callers import Callers
    from quickthumb.json_api import Client
    from quickthumb.kitchen import Kitchen
    from quickthumb.messaging import Channel, CloudTopic
    from quickthumb.storage import CloudBucket


class Parts:
    """The parts of a process. Each raises `InvalidSetting` if the environment is invalid."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    @cached_property
    def settings(self) -> Settings:
        """The settings in the environment."""
        return Settings.from_env(self._environment)

    @cached_property
    def callers(self) -> "Callers | None":
        """Verifies tokens; None if no token is needed."""
        if self.settings.push_audience is None:
            return None
        from google.auth.transport.urllib3 import Request
        from urllib3 import PoolManager

        from quickthumb.callers import Callers

        return Callers(
            self.settings.push_audience,
            self.settings.push_certs_url,
            self.settings.push_account,
            self.settings.call_seconds,
            Request(PoolManager()),  # type: ignore[no-untyped-call]
        )

    @cached_property
    def store(self) -> Store:
        """Originals and results."""
        originals = self._bucket(self.settings.originals_bucket, self.settings.sessions_url)
        return Store(originals, self._bucket(self.settings.processed_bucket))

    @cached_property
    def uploads(self) -> "CloudTopic":
        """The topic of jobs."""
        return self._topic(self.settings.uploads_topic)

    @cached_property
    def completed(self) -> "CloudTopic":
        """The topic of finished jobs."""
        return self._topic(self.settings.completed_topic)

    @cached_property
    def kitchen(self) -> "Kitchen":
        """The decoder processes."""
        from quickthumb.kitchen import Kitchen

        settings = self.settings
        return Kitchen(settings.limits, settings.decoders, settings.jobs_bytes)

    @cached_property
    def api(self) -> "ASGIApp":
        """The application of the function `upload`."""
        from quickthumb.api.records import Records
        from quickthumb.api.routes import build

        records = Records(self._bucket(self.settings.requests_bucket))
        return build(self.store, records, self.uploads, self.settings, self._storage.url)

    @cached_property
    def _storage(self) -> "Client":
        from quickthumb.json_api import connect

        return connect()

    @cached_property
    def _publisher(self) -> "Channel":
        from quickthumb.messaging import connect

        return connect()

    def _bucket(self, name: str, sessions_url: str | None = None) -> "CloudBucket":
        from quickthumb.storage import CloudBucket

        return CloudBucket(self._storage, name, self.settings.call_seconds, sessions_url)

    def _topic(self, path: str) -> "CloudTopic":
        from quickthumb.messaging import CloudTopic

        return CloudTopic(self._publisher, path, self.settings.call_seconds)
