"""Does the jobs of wishes: the manifest of an upload that exists grows.

Jobs of the same upload may end at the same time. Each reads the manifest, adds its own thumbnails,
and writes it on the condition that nobody else did so since; otherwise it reads it again.
"""

import logging
from collections.abc import Callable

from msgspec.structs import replace

from quickthumb.documents.job import Job
from quickthumb.documents.manifest import Failure, Manifest, Tombstone
from quickthumb.documents.rendition import Rendition
from quickthumb.ending import commit
from quickthumb.problems import NoMore, OriginalGone, Unavailable, Unprocessable
from quickthumb.store import Store
from quickthumb.store.results import Kept
from quickthumb.wishing import expect_room

log = logging.getLogger(__name__)


def grow(
    job: Job,
    store: Store,
    standard: tuple[Rendition, ...],
    make: Callable[[Job], Manifest | None],
) -> Manifest | Tombstone | None:
    """Make thumbnails that were asked for later; return the manifest that names them.

    If the first job of the upload has not ended, it is done first, so that nobody waits for it.
    What is made, and with what bytes, must not depend on what else was asked for: reducing a
    picture to several sizes at once gives slightly different ones.

    Args:
        job: of wishes.
        store: both buckets.
        standard: thumbnails for an original that requests none.
        make: writes the thumbnails of a job, and returns a manifest that names them; None if the
            original is missing.

    Returns:
        The tombstone, if the upload was deleted; None if they cannot be made. Their wishes then say
        why.

    Raises:
        Unavailable: to be redelivered.
    """
    try:
        kept = _first(job, store, standard, make)
        if _is_final(kept, job):
            return _ended(kept, job, store)
        named = {thumb.name for thumb in _done(kept).thumbnails}
        if all(rendition.name in named for rendition in job.renditions):
            return _done(kept)
        made = make(job)
        if made is None:
            raise _gone()
        if made.failure is None:
            return _add(made, kept, job, store)
        failure = made.failure
    except (Unprocessable, NoMore) as error:
        failure = Failure(error.code, str(error))
    store.wishes.fail(job, failure)
    names = ", ".join(rendition.name for rendition in job.renditions)
    log.warning("cannot make %s of %s: %s", names, job.id, failure.detail)
    return None


def _first(
    job: Job,
    store: Store,
    standard: tuple[Rendition, ...],
    make: Callable[[Job], Manifest | None],
) -> Kept:
    """Return how the first job of an upload ended, after doing it if necessary.

    Its event is left to its own message.
    """
    while True:
        kept = store.results.read(job.id)
        if kept and not kept.yields_to(job.generation):
            return kept
        first = store.originals.requested(job, standard)
        made = make(first) if first else None
        if made is None:
            raise _gone()
        commit(made, kept, store)


def _is_final(kept: Kept, job: Job) -> bool:
    """Return whether an upload gets no further thumbnails."""
    end = kept.end
    if isinstance(end, Tombstone):
        return True
    return end.failure is not None or end.generation != job.generation


def _ended(kept: Kept, job: Job, store: Store) -> Tombstone | None:
    """Forget the wishes of an upload that was deleted or failed."""
    if isinstance(kept.end, Tombstone):
        return kept.end
    store.wishes.forget(job)
    log.info("%s gets no further thumbnails: its job failed", job.id)
    return None


def _add(made: Manifest, kept: Kept, job: Job, store: Store) -> Manifest | Tombstone | None:
    """Write a manifest with what was made and what there is."""
    while not _is_final(kept, job):
        done = _done(kept)
        grown = _merged(done, made)
        if grown == done or store.results.put(grown, kept):
            return grown
        found = store.results.read(made.id)
        if found is None or found.yields_to(made.generation):
            raise Unavailable(f"the manifest of {made.id} is gone")
        kept = found
    return _ended(kept, job, store)


def _done(kept: Kept) -> Manifest:
    """Return the manifest of an upload that is not final."""
    if isinstance(kept.end, Tombstone):
        raise TypeError("expected a manifest")
    return kept.end


def _merged(done: Manifest, made: Manifest) -> Manifest:
    """Return what there is, with what was made. Raises `TooManyThumbnails`."""
    named = {thumb.name for thumb in done.thumbnails}
    more = tuple(thumb for thumb in made.thumbnails if thumb.name not in named)
    expect_room(len(named), len(more))
    return replace(done, thumbnails=(*done.thumbnails, *more))


def _gone() -> OriginalGone:
    return OriginalGone("The original was deleted before the thumbnail was made.")
