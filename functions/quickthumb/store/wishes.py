"""The wishes for further thumbnails, beside the results of their uploads."""

import logging
from dataclasses import dataclass

from quickthumb.buckets import Blob, Bucket
from quickthumb.documents import notes
from quickthumb.documents.job import Job
from quickthumb.documents.manifest import Failure
from quickthumb.documents.wish import Wish
from quickthumb.problems import InvalidMessage

log = logging.getLogger(__name__)

SUFFIX = ".wish"
"""Of the blob of a wish; no format of thumbnails has this extension."""

STATE = "state"
OVER = "over"
"""In the metadata of a wish that nobody tries again by themselves, for walks."""

_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class KeptWish:
    """A wish as read.

    Attributes:
        wish: its content; None if that cannot be read.
        blob: its name in the bucket of results.
        version: generation of the blob.
    """

    wish: Wish | None
    blob: str
    version: int


class Wishes:
    """The wishes of all uploads. Every method raises `Unavailable`."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def create(self, wish: Wish) -> KeptWish | None:
        """Write a wish that is not there yet; None if it is."""
        name = _blob(wish.id, wish.rendition.name)
        version = self._bucket.create(name, wish.to_json(), _TYPE, _about(wish))
        return None if version is None else KeptWish(wish, name, version)

    def read(self, id: str, thumbnail: str) -> KeptWish | None:
        """Return the wish for a thumbnail, None if there is none."""
        return self._read(_blob(id, thumbnail))

    def put(self, wish: Wish, over: KeptWish) -> bool:
        """Replace a wish that was read; return False if it was changed or deleted since."""
        about = (_TYPE, "no-cache", _about(wish))
        return self._bucket.write(over.blob, wish.to_json(), *about, if_generation=over.version)

    def fail(self, job: Job, failure: Failure) -> None:
        """Note in the wishes of a job why they could not be made, unless somebody renewed them."""
        for rendition in job.renditions:
            kept = self.read(job.id, rendition.name)
            if kept and kept.wish:
                self.put(kept.wish.failed(failure), kept)

    def forget(self, job: Job) -> None:
        """Delete the wishes of a job."""
        for rendition in job.renditions:
            self._bucket.delete(_blob(job.id, rendition.name))

    def take_back(self, kept: KeptWish) -> None:
        """Delete a wish unless it was changed since."""
        self._bucket.delete(kept.blob, kept.version)

    def of(self, id: str) -> list[KeptWish]:
        """Return all wishes of an upload."""
        names = [
            blob.name
            for blob in self._bucket.walk(f"{id}/")
            if isinstance(blob, Blob) and blob.name.endswith(SUFFIX)
        ]
        return [kept for name in names if (kept := self._read(name))]

    def _read(self, name: str) -> KeptWish | None:
        content = self._bucket.fetch(name)
        if content is None:
            return None
        try:
            wish = Wish.from_json(content.data)
            if _blob(wish.id, wish.rendition.name) != name:
                raise InvalidMessage("it is about another thumbnail")
        except InvalidMessage as error:
            log.warning("ignored the wish %s: %s", name, error)
            return KeptWish(None, name, content.generation)
        return KeptWish(wish, name, content.generation)


def _blob(id: str, thumbnail: str) -> str:
    return f"{id}/{thumbnail}{SUFFIX}"


def _about(wish: Wish) -> dict[str, str]:
    """Return the metadata of a wish."""
    origin = notes.origin(wish.name, wish.generation)
    return {**origin, STATE: OVER} if wish.over else origin
