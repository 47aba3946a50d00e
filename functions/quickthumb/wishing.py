"""Asks for further thumbnails of an upload that exists.

A wish is written before its job is published, so that a sweep can publish it again: once asked,
nothing is lost.
"""

import logging
import time
from collections.abc import Sequence
from contextlib import suppress

from quickthumb.documents.job import SCHEMA, Job
from quickthumb.documents.manifest import Manifest
from quickthumb.documents.rendition import MOST_THUMBNAILS, Rendition
from quickthumb.documents.wish import Wish
from quickthumb.messaging import Topic
from quickthumb.policy import Policy
from quickthumb.problems import OriginalGone, TooManyThumbnails, Unavailable
from quickthumb.store import Store, lifetimes
from quickthumb.store.wishes import KeptWish

log = logging.getLogger(__name__)

_IMPATIENT = Policy(after_seconds=60)
"""When a wish that somebody waits for counts as lost: earlier than for a sweep. Its job looks first
whether there is still anything to do, so one too many costs little."""


def original_of(manifest: Manifest, store: Store) -> Job:
    """Return the job of the original of an upload that is done, with what it requested.

    Raises:
        OriginalGone: the original was deleted, or is about to be.
    """
    blob = (store.originals.bucket, manifest.name, manifest.generation)
    found = None
    if not manifest.dropped:
        found = store.originals.requested(Job(manifest.id, *blob, ()), ())
    if found is None:
        raise OriginalGone("The original was deleted: upload the picture again.")
    return found


def expect_room(count: int, more: int) -> None:
    """Check that an upload with some thumbnails can have more. Raises `TooManyThumbnails`."""
    if count + more > MOST_THUMBNAILS:
        raise TooManyThumbnails(
            f"The upload has {count} thumbnails, and can have {MOST_THUMBNAILS}."
        )


def ask(job: Job, renditions: Sequence[Rendition], store: Store, uploads: Topic) -> None:
    """Ask for thumbnails; once this returns, the request cannot be lost.

    Each is a job of its own: one that fails does not concern the others.

    Args:
        job: of the original.
        renditions: the thumbnails, at least one.
        store: where the wishes are kept.
        uploads: topic of jobs.

    Raises:
        Unavailable: it could not be written or published.
    """
    begun = time.time()
    for rendition in renditions:
        wish = Wish.of(job, rendition)
        new = _renew(wish, store, begun)
        _publish(wish, store, uploads, new)


def ask_once(job: Job, rendition: Rendition, store: Store, uploads: Topic) -> Wish:
    """Ask for a thumbnail unless somebody has; return the wish.

    Of many who ask at the same moment, one creates the wish, and publishes its job.

    Raises:
        Unavailable: it could not be written or published.
    """
    begun = time.time()
    wish = Wish.of(job, rendition)
    while True:
        lifetimes.check(begun)
        if created := store.wishes.create(wish):
            _publish(wish, store, uploads, created)
            return wish
        kept = store.wishes.read(job.id, rendition.name)
        if kept and kept.wish:
            return kept.wish
        if kept:  # unreadable
            store.wishes.take_back(kept)


def remind(kept: KeptWish, store: Store, uploads: Topic) -> None:
    """Publish the job of a wish again if it is overdue: whoever wrote the wish may have died.

    Raises:
        Unavailable: it could not be written or published.
    """
    wish = kept.wish
    if wish is None or wish.failure or wish.tries >= _IMPATIENT.attempts:
        return
    if time.time() - wish.at < _IMPATIENT.pause(wish.tries).total_seconds():
        return
    if store.wishes.put(wish.tried_again(), kept):
        uploads.publish(wish.job(store.originals.bucket).to_json(), schema=SCHEMA)
        log.warning("published the wish %s again", kept.blob)


def _renew(wish: Wish, store: Store, begun: float) -> KeptWish | None:
    """Write a wish, over what there may be; return it if it is new.

    Whoever created it may fail to publish its job, and take it back. That leaves a wish that was
    written again.
    """
    while True:
        lifetimes.check(begun)
        if created := store.wishes.create(wish):
            return created
        kept = store.wishes.read(wish.id, wish.rendition.name)
        if kept and store.wishes.put(wish, kept):
            return None


def _publish(wish: Wish, store: Store, uploads: Topic, new: KeptWish | None) -> None:
    """Publish the job of a wish; if that fails, take back the wish, if it is new."""
    try:
        uploads.publish(wish.job(store.originals.bucket).to_json(), schema=SCHEMA)
    except Unavailable:
        if new:
            with suppress(Unavailable):  # a sweep publishes it
                store.wishes.take_back(new)
        raise
    log.info("asked for %s of %s", wish.rendition.name, wish.id)
