"""The persistent state: which blobs are in which bucket.

Each part manages its own blobs; operations on several parts are here.
"""

import time

from quickthumb.buckets import Bucket
from quickthumb.documents.job import Job
from quickthumb.documents.manifest import Manifest, Tombstone
from quickthumb.documents.names import ANNOUNCED, id_of, is_named_by_id
from quickthumb.store import lifetimes, walks
from quickthumb.store.ledger import Ledger
from quickthumb.store.originals import Originals, Queued
from quickthumb.store.results import Kept, Results
from quickthumb.store.wishes import Wishes


class Store:
    """Originals, results and the sweep's ledger. All methods of all parts raise `Unavailable`.

    Attributes:
        originals: uploaded pictures.
        results: thumbnails and manifests.
        ledger: records of `sweep`, in the bucket of results.
        wishes: for further thumbnails, likewise.
    """

    def __init__(self, originals: Bucket, processed: Bucket) -> None:
        self.originals = Originals(originals)
        self.results = Results(processed)
        self.ledger = Ledger(processed)
        self.wishes = Wishes(processed)
        self._buckets = (originals, processed)

    def check(self) -> None:
        """Check that both buckets are available."""
        for bucket in self._buckets:
            walks.check(bucket)

    def status(self, id: str) -> Manifest | Queued | None:
        """Return the state of an upload, None if it does not exist."""
        kept = self.results.read(id)
        if kept is None:
            return self.originals.queued(id)
        return kept.end if isinstance(kept.end, Manifest) else None

    def is_deleted(self, id: str) -> bool:
        """Return whether an upload was deleted lately."""
        kept = self.results.read(id)
        return kept is not None and isinstance(kept.end, Tombstone)

    def delete(self, id: str) -> bool:
        """Delete an upload; return whether there was anything to delete.

        From the first write on, it is deleted: a tombstone takes the place of the manifest. An
        interrupted call can be repeated, and `sweep` completes it. An id that never existed gets no
        tombstone, so that guessing ids costs little.
        """
        begun = time.time()
        kept = self.results.read(id)
        if kept is None:
            name = self.originals.named_by_id(id)
            return name is not None and self._bury(Tombstone(id, name, 0), None, begun)
        if isinstance(kept.end, Tombstone):
            return self.finish(kept)
        return self._bury(self._tombstone(kept.end), kept, begun)

    def take_back(self, id: str) -> None:
        """Delete an upload that was not accepted, whether it was stored or not.

        This is a deletion, since it may have been published nevertheless.
        """
        self._bury(Tombstone(id, id, 0), None, time.time())

    def finish(self, kept: Kept) -> bool:
        """Complete the deletion of an upload; return whether anything was left of it.

        If the original is still there, a `resize` may have fetched it just now. It must find the
        tombstone, so that is written again, to live as long as a new one.
        """
        begun, tombstone = time.time(), kept.end
        if not isinstance(tombstone, Tombstone):
            return False
        is_stored = self.originals.has(tombstone.id, tombstone.name)
        if is_stored and not self.results.put(tombstone, kept):
            return True  # somebody else does it, or a next call
        return self._empty(tombstone, begun)

    def drop_original(self, job: Job, kept: Kept) -> bool:
        """Delete the original of a job that is done, but keep its results.

        This is recorded first, since `resize` takes a missing original for a deletion by its user.

        Returns:
            Whether it was deleted; False if the manifest was changed meanwhile.
        """
        if isinstance(kept.end, Tombstone):
            return False
        if not kept.end.dropped and not self.results.put(kept.end.as_dropped(), kept):
            return False
        self.originals.delete(job.name, job.generation)
        return True

    def _tombstone(self, manifest: Manifest) -> Tombstone:
        """Return the tombstone for a manifest, which may be damaged or unreadable."""
        id, origin = manifest.id, (manifest.name, manifest.generation)
        if not manifest.generation or id_of(self.originals.bucket, *origin) != id:
            # The metadata of the results may tell the original.
            found = self.results.list(id)
            origin = found.origin if found and found.origin else (id, 0)
        return Tombstone(id, *origin)

    def _bury(self, tombstone: Tombstone, kept: Kept | None, begun: float) -> bool:
        """Write a tombstone over whatever there is, and delete the rest."""
        while not self.results.put(tombstone, kept):
            kept = self.results.read(tombstone.id)
            if kept and isinstance(kept.end, Tombstone):
                break
        self._empty(tombstone, begun)
        return True

    def _empty(self, tombstone: Tombstone, begun: float) -> bool:
        lifetimes.check(begun)  # the tombstone may not live much longer
        id, name = tombstone.id, tombstone.name
        if is_named_by_id(id, name):
            # Whatever the generation: another attempt may have stored it again.
            names = {name} if tombstone.generation else {id, ANNOUNCED + id}
            found = sum(map(self.originals.delete, names)) > 0
        else:
            # Another program may have overwritten its blob: that is another upload.
            found = self.originals.delete(name, tombstone.generation)
        return self.results.clear(id) > 0 or found
