"""When a job counts as lost, and how often it is published again."""

from dataclasses import dataclass
from datetime import timedelta

_LONGEST_DAYS = 30


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of a sweep.

    A job is published again when it is lost, and when it was given up because the platform, storage
    or Pub/Sub rejected it for too long. Both count together, so that no picture is retried forever,
    whatever it does to the decoder.

    Attributes:
        after_seconds: age at which the job of an original without a manifest, or of a manifest that
            says `gave-up`, is published again. Well above the duration of a job, since a job that
            is published again while it waits is done twice.
        growth: factor by which each pause is longer than the one before.
        attempts: how often a job is published again before it is given up for good.
        per_second: maximum rate of publishing, so that `resize` is not flooded.
        drop_seconds: age of the results of a finished job at which its original is deleted; None
            leaves that to the bucket.
    """

    after_seconds: int = 900
    growth: int = 4
    attempts: int = 4
    per_second: int = 50
    drop_seconds: int | None = None

    def pause(self, count: int) -> timedelta:
        """Return how long to wait after a job was published again `count` times.

        No pause exceeds 30 days.
        """
        longest = max(self.after_seconds, _LONGEST_DAYS * 24 * 60 * 60)
        grown = self.after_seconds * self.growth ** min(count, 100)
        return timedelta(seconds=min(grown, longest))
