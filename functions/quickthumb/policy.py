"""When a job counts as lost, and how often it is asked for again."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Policy:
    """What a sweep goes by.

    Attributes:
        after_seconds: age at which an original without a manifest is published again. Well above
            the time a job takes: what is published again while it waits is done twice.
        growth: how many times longer each further pause is.
        attempts: how often a job is published again before it is given up.
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
        """Return how long to wait after a job was published again `count` times."""
        return timedelta(seconds=self.after_seconds * self.growth**count)
