"""Does the jobs of wishes: the manifest of an upload that exists grows.

Jobs of the same upload may end at the same time. Each reads the manifest, adds its own thumbnails,
and writes it on the condition that nobody else did so since; otherwise it reads it again.
"""

import logging
from collections.abc import Callable

from msgspec.structs import replace

from quickthumb.documents.job import Job
from quickthumb.documents.manifest import Failure, Manifest, Tombstone
from quickthumb.documents.rendition import MOST_THUMBNAILS, Rendition
from quickthumb.problems import NoMore, OriginalGone, TooManyThumbnails, Unavailable, Unprocessable
from quickthumb.store import Store
from quickthumb.store.results import Kept

log = logging.getLogger(__name__)


def grow(
    job: Job,
    store: Store,
    standard: tuple[Rendition, ...],
    make: Callable[[Job], Manifest | None],
) -> Manifest | Tombstone | None:
    """Make thumbnails that were asked for later; return the manifest that names them.

    If the first job of the upload has not ended, it is done too, so that nobody waits for it.

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
    kept = store.results.read(job.id)
    if kept and _is_final(kept, job):
        return _ended(kept, job, store)
    try:
        wanted = _wanted(job, kept, store, standard)
        if not wanted.renditions:
            return _done(kept)
        made = make(wanted)
        if made is None:
            raise OriginalGone("The original was deleted before the thumbnail was made.")
        if made.failure:
            return _failed(job, made.failure, store)
        return _add(made, kept, job, store)
    except (Unprocessable, NoMore) as error:
        return _failed(job, Failure(error.code, str(error)), store)


def _is_final(kept: Kept, job: Job) -> bool:
    """Return whether an upload gets no further thumbnails."""
    end = kept.end
    if isinstance(end, Tombstone):
        return True
    return not end.gave_up and (end.failure is not None or end.generation != job.generation)


def _ended(kept: Kept, job: Job, store: Store) -> Tombstone | None:
    """Forget the wishes of an upload that was deleted or failed."""
    if isinstance(kept.end, Tombstone):
        return kept.end
    store.wishes.forget(job)
    log.info("%s gets no further thumbnails: its job failed", job.id)
    return None


def _done(kept: Kept | None) -> Manifest | None:
    """Return the manifest of an upload that is done, None if its first job has to be done."""
    if kept is None or isinstance(kept.end, Tombstone) or kept.end.gave_up:
        return None
    return kept.end


def _wanted(job: Job, kept: Kept | None, store: Store, standard: tuple[Rendition, ...]) -> Job:
    """Return the job to do: what is missing, or everything if there is nothing yet."""
    if done := _done(kept):
        named = {thumb.name for thumb in done.thumbnails}
        return replace(job, renditions=tuple(r for r in job.renditions if r.name not in named))
    first = store.originals.requested(job, standard)
    if first is None:
        raise OriginalGone("The original was deleted before the thumbnail was made.")
    named = {name for rendition in first.renditions for name in rendition.names}
    more = (rendition for rendition in job.renditions if rendition.name not in named)
    return replace(first, renditions=(*first.renditions, *more))


def _add(made: Manifest, kept: Kept | None, job: Job, store: Store) -> Manifest | Tombstone | None:
    """Write a manifest with what was made and what there is."""
    is_whole = _done(kept) is None
    while True:
        if kept and _is_final(kept, job):
            return _ended(kept, job, store)
        if done := _done(kept):
            grown = _merged(done, made)
            if grown == done:
                return done
        elif is_whole:
            grown = made
        else:
            raise Unavailable(f"the manifest of {made.id} is gone")
        if store.results.put(grown, kept):
            return grown
        kept = store.results.read(made.id)


def _merged(done: Manifest, made: Manifest) -> Manifest:
    """Return what there is, with what was made. Raises `TooManyThumbnails`."""
    named = {thumb.name for thumb in done.thumbnails}
    more = tuple(thumb for thumb in made.thumbnails if thumb.name not in named)
    if len(named) + len(more) > MOST_THUMBNAILS:
        raise TooManyThumbnails(
            f"The upload has {len(named)} thumbnails, and can have {MOST_THUMBNAILS}."
        )
    return replace(done, thumbnails=(*done.thumbnails, *more))


def _failed(job: Job, failure: Failure, store: Store) -> None:
    store.wishes.fail(job, failure)
    names = ", ".join(rendition.name for rendition in job.renditions)
    log.warning("cannot make %s of %s: %s", names, job.id, failure.detail)
