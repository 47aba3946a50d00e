"""Which messages are in one file, and when the file is complete.

https://docs.cloud.google.com/pubsub/docs/create-cloudstorage-subscription#file_batching
"""

from emulator.pubsub.rules.policies import ExportTarget

MOST_BYTES = 64 * 1024 * 1024
"""Size of a file at which it is complete whatever the subscription allows, for it is in memory.

Production too may begin a new file early.
"""


class Batch:
    """The messages of one file.

    Attributes:
        target: What the subscription wrote when it was begun.
        leases: The leases of the messages.
        records: The messages as they will be in the file.
        due: When it is complete at the latest, in seconds since the epoch.
    """

    def __init__(self, target: ExportTarget, due: float) -> None:
        """Begin without messages."""
        self.target = target
        self.due = due
        self.leases: list[int] = []
        self.records: list[bytes] = []
        self._most_bytes = min(target.max_bytes or MOST_BYTES, MOST_BYTES)
        self._bytes = 0

    def fits(self, record: bytes) -> bool:
        """Return whether a message can be added; the first can, however large it is."""
        return not self.records or self._bytes + len(record) <= self._most_bytes

    def add(self, lease: int, record: bytes) -> None:
        """Add a message."""
        self.leases.append(lease)
        self.records.append(record)
        self._bytes += len(record)

    def is_complete(self, now: float) -> bool:
        """Return whether the file has to be written now, in seconds since the epoch."""
        most = self.target.max_messages
        full = self._bytes >= self._most_bytes or (most is not None and len(self.records) >= most)
        return full or now >= self.due
