"""What a sweep does about one upload."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from quickthumb.documents.job import SCHEMA, Job
from quickthumb.documents.names import ANNOUNCED
from quickthumb.documents.rendition import Rendition
from quickthumb.ending import give_up
from quickthumb.messaging import Topic
from quickthumb.policy import Policy
from quickthumb.problems import GaveUp, NotPublished, Unavailable
from quickthumb.store import Store
from quickthumb.store.ledger import Attempts
from quickthumb.store.originals import FoundOriginal
from quickthumb.store.results import FoundResults
from quickthumb.sweeping.entries import Entry
from quickthumb.sweeping.pace import Pace
from quickthumb.sweeping.report import Outcome

log = logging.getLogger(__name__)


@dataclass
class Sweeper:
    """Sees to one upload after the other.

    Attributes:
        store: both buckets.
        uploads: topic for the jobs that are published again.
        completed: topic for the ends of those that are given up.
        policy: when and how fast.
        default: the thumbnails of a picture whose metadata ask for none.
        first_after_seconds: age of an original that is published for the first time, in place of
            the policy's; a backfill need not wait.
        dry_run: report what would be done, and do nothing.
        now: returns the time of day.
    """

    store: Store
    uploads: Topic
    completed: Topic
    policy: Policy
    default: tuple[Rendition, ...]
    first_after_seconds: int | None = None
    dry_run: bool = False
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _pace: Pace = field(init=False)

    def __post_init__(self) -> None:
        self._pace = Pace(self.policy.per_second)

    def is_settled(self, entry: Entry) -> bool:
        """Return whether there is nothing to do, as far as the listings show."""
        results = entry.results
        if results is None or not results.ended:
            return False
        if entry.original is None:
            return True
        return results.swept is None and not results.gave_up and not self._may_drop(results)

    def see_to(self, entry: Entry) -> Outcome:
        """Do what an entry needs; return what that was.

        Raises:
            QuickThumbError: it could not be done; `NotPublished` where Pub/Sub did not answer.
        """
        if entry.original is None:
            return self._remove(entry.results) if entry.results else "ended"
        original = entry.original
        if self.now() - original.updated < self._first_pause:
            return "waiting"
        results = entry.results or self.store.results.find(original.job.id)
        if results is None or not results.ended or results.gave_up:
            return self._ask_again(original, results)
        if results.swept and not self.dry_run:
            self.store.ledger.forget_attempts(results.id)
        return self._drop(original.job) if self._may_drop(results) else "ended"

    @property
    def _first_pause(self) -> timedelta:
        if self.first_after_seconds is None:
            return self.policy.pause(0)
        return timedelta(seconds=self.first_after_seconds)

    def _ask_again(self, original: FoundOriginal, results: FoundResults | None) -> Outcome:
        """Publish a job that was lost or given up, or end it."""
        job = original.job
        gave_up = results is not None and results.gave_up
        swept = results.swept if results else None
        attempts = (swept and self.store.ledger.attempts(job.id)) or Attempts(0, job.name)
        since = results.updated if results and gave_up else swept
        if since and self.now() - since < self.policy.pause(attempts.count):
            return "waiting"
        fault = original.fault
        if fault is None and attempts.count >= self.policy.attempts:
            fault = "The picture could not be processed, even after several more attempts."
        if self.dry_run:
            return "published" if fault is None else "ended" if gave_up else "gave_up"
        if fault:
            return self._end(job, fault, gave_up)
        self._publish(job, attempts)
        log.info(
            "published %s again, which was %s, time %d of %d",
            *(job.id, "given up" if gave_up else "lost", attempts.count + 1, self.policy.attempts),
        )
        return "published"

    def _publish(self, job: Job, attempts: Attempts) -> None:
        """Publish a job once more."""
        self._pace.wait()
        # Counted first: whatever happens from here on, this cannot go on for ever.
        self.store.ledger.put_attempts(job.id, Attempts(attempts.count + 1, job.name))
        try:
            self.uploads.publish(job.to_json(), schema=SCHEMA)
        except NotPublished:
            self._uncount(job.id, attempts)
            raise

    def _uncount(self, id: str, attempts: Attempts) -> None:
        """Take back a count: what Pub/Sub did not take is no attempt at the job."""
        ledger = self.store.ledger
        try:
            ledger.put_attempts(id, attempts) if attempts.count else ledger.forget_attempts(id)
        except Unavailable as error:
            log.error("%s was counted but not published: %s", id, error)

    def _end(self, job: Job, fault: str, gave_up: bool) -> Outcome:
        """Give a job up for good; `gave_up` tells that it has been given up before."""
        if not gave_up:
            give_up(job, GaveUp(fault), self.store, self.completed)
        self.store.ledger.leave_given_up(job.id)
        log.warning("%s stays given up: %s", job.id, fault)
        return "ended" if gave_up else "gave_up"

    def _may_drop(self, results: FoundResults) -> bool:
        """Return whether the original of a job that has ended may go, if the job is done."""
        seconds = self.policy.drop_seconds
        return seconds is not None and self.now() - results.updated > timedelta(seconds=seconds)

    def _drop(self, job: Job) -> Outcome:
        """Delete the original of a job that is done; of a failed one it is all there is."""
        manifest = self.store.results.manifest(job.id)
        if manifest is None or manifest.failure or not manifest.ends(job):
            return "ended"
        if not self.dry_run:
            self.store.drop_original(job)
            log.info("dropped the original of %s, which is done", job.id)
        return "dropped"

    def _remove(self, results: FoundResults) -> Outcome:
        """Delete results without a manifest whose original is gone."""
        before = self.now() - self.policy.pause(0)
        if results.updated > before:
            return "waiting"
        names = [results.id, ANNOUNCED + results.id]
        if results.swept and (attempts := self.store.ledger.attempts(results.id)):
            names.append(attempts.name)  # of a picture that is not named by its id
        if any(self.store.originals.exists(name) for name in names):
            return "waiting"
        if not self.dry_run:
            self.store.results.delete_older(results.id, before)
            log.info("removed what was left of %s", results.id)
        return "removed"
