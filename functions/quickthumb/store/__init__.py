"""What is kept in which bucket, under which name: the only state there is.

Each part knows its own blobs; what concerns several parts, in which order, is here.
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
    """Originals, results and the sweep's ledger. Every method, of these too, raises `Unavailable`.

    Attributes:
        originals: what was uploaded.
        results: thumbnails and manifests.
        ledger: what `sweep` notes, beside the results.
    """

    def __init__(self, originals: Bucket, processed: Bucket) -> None:
        self.originals = Originals(originals)
        self.results = Results(processed)
        self.ledger = Ledger(processed)
        self._buckets = (originals, processed)

    def check(self) -> None:
        """Check that both buckets answer."""
        for bucket in self._buckets:
            walks.check(bucket)

    def status(self, id: str) -> Manifest | Queued | None:
        """Return the state of an upload, None if there is none with that id."""
        return self.results.manifest(id) or self.originals.queued(id)

    def delete(self, id: str) -> bool:
        """Delete everything that is kept of an upload; return whether there was anything.

        The original goes first: a `resize` that is at work now finds it gone and cleans up. The
        manifest goes last: an interrupted call can be made again.
        """
        found = [self.originals.delete(name) for name in (id, ANNOUNCED + id)]
        manifest = self.results.manifest(id)
        if manifest is None and not any(found):
            # A guessed id, or a repeated call, costs these three calls and no listing.
            return False
        # Another program may have overwritten what it wrote: that is another upload.
        if manifest and self.originals.is_current(manifest):
            self.originals.delete(manifest.name, manifest.generation)
        self.results.delete(id)
        return True

    def drop_original(self, job: Job) -> None:
        """Delete the original of a job that is done and stays so.

        That is noted first, since to `resize` a missing original means that its user deleted it.
        """
        self.results.note_dropped(job.id)
        self.originals.delete(job.name, job.generation)
