"""Writes the messages of Cloud Storage subscriptions to their buckets."""

import asyncio
import logging
import secrets
from collections.abc import Callable

from emulator.pubsub.doors.buckets import STORE_SECONDS, BucketMissing, Buckets, StorageFailed
from emulator.pubsub.doors.doorbell import Doorbell
from emulator.pubsub.doors.tasks import Tasks
from emulator.pubsub.rules import wire
from emulator.pubsub.rules.exports import avro_file, text
from emulator.pubsub.rules.exports.batch import MOST_BYTES, Batch
from emulator.pubsub.rules.exports.naming import blob_name
from emulator.pubsub.rules.messages import Message
from emulator.pubsub.rules.policies import ExportTarget
from emulator.pubsub.rules.registry import Registry
from emulator.pubsub.rules.subscription import Subscription

# Messages that are leased at once. What is left of an ordering key waits until these are stored, so
# there are many.
_MOST_MESSAGES = 100_000

# After so many, others may run.
_BREATH_MESSAGES = 1_000

# A lease ends this much later than its file is stored at the latest.
_GRACE_SECONDS = 60.0

_LONGEST_PAUSE_SECONDS = 60.0

# Values of `Subscription.State` and `CloudStorageConfig.State`.
_ACTIVE, _RESOURCE_ERROR = 1, 2
_NOT_FOUND = 3

_log = logging.getLogger(__name__)


class Exporter:
    """Runs one task for each Cloud Storage subscription."""

    def __init__(
        self,
        registry: Registry,
        doorbell: Doorbell,
        clock: Callable[[], float],
        buckets: Buckets | None,
    ) -> None:
        """Start without tasks.

        Args:
            registry: Contains the subscriptions.
            doorbell: Rings when messages can be leased.
            clock: Returns seconds since the epoch.
            buckets: What they write to; None if there is no storage, and messages wait.
        """
        self._registry = registry
        self._doorbell = doorbell
        self._clock = clock
        self._buckets = buckets
        self._tasks = Tasks(registry, self._ended)

    def notice(self, subscription: Subscription) -> None:
        """Start a task for a subscription, if it writes to Cloud Storage and has none."""
        if subscription.policy.export is None or not self._tasks.lacks(subscription):
            return
        if self._buckets is None:
            _show_state(subscription, _NOT_FOUND)
            return
        self._tasks.start(subscription, self._export(subscription, self._buckets))

    async def close(self) -> None:
        """Stop. Messages whose file is not stored are delivered again after a restart."""
        await self._tasks.close()

    def _ended(self, subscription: Subscription, error: BaseException | None) -> None:
        if error:
            _log.error("%s: writing to storage has failed", subscription.name, exc_info=error)
            return
        # It may write to Cloud Storage again since the last file.
        self.notice(subscription)

    async def _export(self, subscription: Subscription, buckets: Buckets) -> None:
        writer = _Writer(subscription, buckets, self._clock)
        while self._registry.subscriptions.get(subscription.name) is subscription:
            target = subscription.policy.export
            await writer.finish(target)
            if target is None:
                break
            if not await writer.collect(target):
                await self._doorbell.wait(subscription, writer.rest())


class _Writer:
    """Writes one file after the other: collects messages, stores them, and settles them."""

    def __init__(
        self, subscription: Subscription, buckets: Buckets, clock: Callable[[], float]
    ) -> None:
        self._subscription = subscription
        self._buckets = buckets
        self._clock = clock
        self._target: ExportTarget | None = None
        self._batch: Batch | None = None
        self._failures = 0
        self._paused_until = float("-inf")

    async def collect(self, target: ExportTarget) -> bool:
        """Lease messages for the next files, store those that are full; return if there were any.

        Messages of one ordering key that come while others of it are in a file wait for the next.
        """
        now = self._clock()
        if now < self._paused_until:
            return False
        deliveries = self._subscription.lease(
            now,
            _MOST_MESSAGES,
            max_bytes=MOST_BYTES,
            seconds=target.max_seconds + STORE_SECONDS + _GRACE_SECONDS,
        )
        leased = [(each.lease, each.message) for each in deliveries]
        for number, (lease, message) in enumerate(leased, 1):
            if number % _BREATH_MESSAGES == 0:
                await asyncio.sleep(0)
            record = _record(target, self._subscription, message)
            if self._batch is not None and not self._batch.fits(record):
                await self._store(self._batch)
            if self._batch is None:
                # After a failure, messages have waited long enough.
                seconds = 0.0 if self._failures else target.max_seconds
                self._batch = Batch(target, self._clock() + seconds)
            self._batch.add(lease, record)
            if self._batch.is_complete(now):
                await self._store(self._batch)
        return bool(deliveries)

    async def finish(self, target: ExportTarget | None) -> None:
        """Store the file that is being collected, if it is complete or of an earlier target."""
        batch = self._batch
        if batch and (batch.target != target or batch.is_complete(self._clock())):
            await self._store(batch)
        if self._target != target:
            self._target = target
            self._failures, self._paused_until = 0, float("-inf")

    def rest(self) -> float | None:
        """Return for how many seconds there is nothing to do without further messages, or None."""
        now = self._clock()
        if self._batch is not None:
            return max(self._batch.due - now, 0.0)
        return self._paused_until - now if self._paused_until > now else None

    async def _store(self, batch: Batch) -> None:
        self._batch = None
        # Of messages leased together, several files may fail.
        await asyncio.sleep(max(self._paused_until - self._clock(), 0.0))
        subscription, target = self._subscription, batch.target
        # A seek, or the end of the subscription, takes messages back.
        held = {delivery.lease for delivery in subscription.in_flight()}
        pairs = zip(batch.leases, batch.records, strict=True)
        kept = [(lease, record) for lease, record in pairs if lease in held]
        if not kept:
            return
        leases = [lease for lease, _ in kept]
        name = blob_name(target, self._clock(), secrets.token_hex(6))
        content_type, body = _file(target, [record for _, record in kept])
        try:
            await self._buckets.store(target.bucket, name, content_type, body)
        except StorageFailed as error:
            self._failed(leases, error)
        else:
            self._failures = 0
            subscription.acknowledge(leases, self._clock())
            _show_state(subscription, _ACTIVE)

    def _failed(self, leases: list[int], error: StorageFailed) -> None:
        now = self._clock()
        pause = min(2.0 ** min(self._failures, 10), _LONGEST_PAUSE_SECONDS)
        self._failures += 1
        self._paused_until = now + pause
        self._subscription.modify(leases, 0, now)
        if isinstance(error, BucketMissing):
            _show_state(self._subscription, _NOT_FOUND)
        name = self._subscription.name
        _log.warning("%s: a file cannot be stored; again in %g s: %s", name, pause, error)


def _record(target: ExportTarget, subscription: Subscription, message: Message) -> bytes:
    """Return a message as it is in a file."""
    proto = wire.parse(message.wire)
    if not target.avro:
        data: bytes = proto.data
        return data
    if target.write_metadata:
        return avro_file.full_record(subscription.name, proto)
    return avro_file.data_record(proto)


def _file(target: ExportTarget, records: list[bytes]) -> tuple[str, bytes]:
    """Return the content type and the content of a file."""
    if not target.avro:
        return text.CONTENT_TYPE, text.file(records)
    marker = secrets.token_bytes(avro_file.MARKER_BYTES)
    content = avro_file.file(records, marker, metadata=target.write_metadata)
    return avro_file.CONTENT_TYPE, content


def _show_state(subscription: Subscription, state: int) -> None:
    """Show clients whether a subscription can write to its bucket."""
    description = subscription.description
    if description is None or not description.HasField("cloud_storage_config"):
        return
    description.cloud_storage_config.state = state
    description.state = _ACTIVE if state == _ACTIVE else _RESOURCE_ERROR
