"""When a job counts as lost, and how often it is asked for again."""

from dataclasses import dataclass
from datetime import timedelta

_LONGEST_DAYS = 30


@dataclass(frozen=True, slots=True)
class Policy:
    """What a sweep goes by.

    A job is published again when it is lost, and when it was given up because the platform, storage
    or Pub/Sub refused it for longer than its message lived. Both count together, so that no
    picture, whatever it does to whoever decodes it, is tried without an end.

    Attributes:
        after_seconds: age at which an original without a manifest, or a manifest that says that the
            job was given up, is published again. Well above the time a job takes: what is published
            again while it waits is done twice.
        growth: how many times longer each further pause is.
        attempts: how often a job is published again before it stays given up.
        per_second: the most jobs published in a second, so that `resize` is not flooded.
        drop_seconds: age of the results of a job that is done at which its original is deleted;
            None leaves that to the bucket.
    """

    after_seconds: int = 900
    growth: int = 4
    attempts: int = 4
    per_second: int = 50
    drop_seconds: int | None = None

    def pause(self, count: int) -> timedelta:
        """Return how long to wait after a job was published again `count` times.

        No pause grows beyond 30 days.
        """
        longest = max(self.after_seconds, _LONGEST_DAYS * 24 * 60 * 60)
        grown = self.after_seconds * self.growth ** min(count, 100)
        return timedelta(seconds=min(grown, longest))
