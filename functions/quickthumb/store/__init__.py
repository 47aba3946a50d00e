"""The persistent state: which blobs are in which bucket.

Each part manages its own blobs; operations on several parts are here.
"""

from quickthumb.buckets import Bucket
from quickthumb.documents.job import Job
from quickthumb.documents.manifest import Manifest
from quickthumb.documents.names import ANNOUNCED
from quickthumb.store import walks
from quickthumb.store.ledger import Ledger
from quickthumb.store.originals import Originals, Queued
from quickthumb.store.results import Results


class Store:
    """Originals, results and the sweep's ledger. All methods of all parts raise `Unavailable`.

    Attributes:
        originals: uploaded pictures.
        results: thumbnails and manifests.
        ledger: records of `sweep`, in the bucket of results.
    """

    def __init__(self, originals: Bucket, processed: Bucket) -> None:
        self.originals = Originals(originals)
        self.results = Results(processed)
        self.ledger = Ledger(processed)
        self._buckets = (originals, processed)

    def check(self) -> None:
        """Check that both buckets are available."""
        for bucket in self._buckets:
            walks.check(bucket)

    def status(self, id: str) -> Manifest | Queued | None:
        """Return the state of an upload, None if it does not exist."""
        return self.results.manifest(id) or self.originals.queued(id)

    def delete(self, id: str) -> bool:
        """Delete all blobs of an upload; return whether there were any.

        The original is deleted first, so that a `resize` in progress notices and cleans up; the
        manifest last, so that an interrupted call can be repeated.
        """
        found = [self.originals.delete(name) for name in (id, ANNOUNCED + id)]
        manifest = self.results.manifest(id)
        if manifest is None and not any(found):
            # For a guessed id or a repeated call, avoid the cost of a listing.
            return False
        # Another program may have overwritten its blob: that is another upload.
        if manifest and self.originals.is_current(manifest):
            self.originals.delete(manifest.name, manifest.generation)
        self.results.delete(id)
        return True

    def drop_original(self, job: Job) -> None:
        """Delete the original of a job that is done, but keep its results.

        This is recorded first, since `resize` takes a missing original for a deletion by its user.
        """
        self.results.note_dropped(job.id)
        self.originals.delete(job.name, job.generation)
