"""Publishes wishes again that were lost or given up, a few times."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from quickthumb.documents.job import RETRY, SCHEMA
from quickthumb.documents.manifest import Failure
from quickthumb.documents.wish import Wish
from quickthumb.messaging import Topic
from quickthumb.policy import Policy
from quickthumb.problems import GaveUp, NotPublished
from quickthumb.store import Store
from quickthumb.store.wishes import KeptWish
from quickthumb.sweeping.report import Outcome

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WishSweeper:
    """Processes the wishes of uploads.

    Attributes:
        store: both buckets.
        uploads: topic of jobs.
        policy: when to publish.
        wait: returns when something may be published.
        now: returns the current time.
        dry_run: report what would be done, but do nothing.
    """

    store: Store
    uploads: Topic
    policy: Policy
    wait: Callable[[], None]
    now: Callable[[], datetime]
    dry_run: bool

    def process(self, id: str, wished: datetime) -> Outcome:
        """Process the wishes of an upload that are still open.

        Args:
            id: of the upload.
            wished: when the latest of them was written.

        Raises:
            NotPublished: Pub/Sub is unavailable.
        """
        age = self.now() - wished
        if age < self.policy.pause(0):
            return "waiting"
        outcome: Outcome = "waiting"
        for kept in self.store.wishes.of(id):
            wish = kept.wish
            if wish is None:
                outcome = self._remove(kept)
            elif not wish.over and age >= self.policy.pause(wish.tries):
                done = wish.tries >= self.policy.attempts
                outcome = self._give_up(kept, wish) if done else self._retry(kept, wish)
        return outcome

    def _retry(self, kept: KeptWish, wish: Wish) -> Outcome:
        if self.dry_run:
            return "published"
        self.wait()
        # Counted first, so that no error can cause a loop.
        if not self.store.wishes.put(wish.tried_again(), kept):
            return "waiting"
        try:
            body = wish.job(self.store.originals.bucket).to_json()
            self.uploads.publish(body, schema=SCHEMA, **{RETRY: str(wish.tries + 1)})
        except NotPublished:
            # A message that Pub/Sub did not accept is no attempt.
            counted = self.store.wishes.read(wish.id, wish.rendition.name)
            if counted:
                self.store.wishes.put(wish, counted)
            raise
        log.info(
            "published the wish %s again, retry %d of %d",
            *(kept.blob, wish.tries + 1, self.policy.attempts),
        )
        return "published"

    def _give_up(self, kept: KeptWish, wish: Wish) -> Outcome:
        if not self.dry_run:
            reason = "The thumbnail could not be made, even after several more attempts."
            self.store.wishes.put(wish.given_up(Failure(GaveUp.code, reason)), kept)
            log.warning("gave up the wish %s for good", kept.blob)
        return "gave_up"

    def _remove(self, kept: KeptWish) -> Outcome:
        """Delete a wish that cannot be read."""
        if not self.dry_run:
            self.store.wishes.take_back(kept)
        return "removed"
