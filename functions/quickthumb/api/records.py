"""What is remembered of requests that bear a key, so that the same key gets the same answer.

Before anything else is done for a request it is claimed, and afterwards its answer is kept: two
blobs, each written once. The bucket deletes them after a day: then the key is forgotten, and the
same request is a new one.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from quickthumb.buckets import Bucket
from quickthumb.documents import untrusted
from quickthumb.documents.names import is_id
from quickthumb.problems import InvalidMessage, Unavailable

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Claim:
    """A request that bears a key.

    Attributes:
        fingerprint: hash of what was sent; under the same key it has to be the same.
        ids: of its uploads, in the order of its files: whoever does it, does it under these.
    """

    fingerprint: str
    ids: tuple[str, ...]

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read what is kept of a claim.

        Raises:
            InvalidMessage: it is none.
        """
        document = untrusted.load_object(body)
        ids = tuple(untrusted.a_list(document.get("ids")))
        if not all(isinstance(id, str) and is_id(id) for id in ids):
            raise InvalidMessage("ids: expected the ids of uploads")
        return cls(untrusted.text(document, "fingerprint"), ids)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with.

    Attributes:
        status: of HTTP.
        document: the body, JSON values.
        final: whether it stays the same when the request is made again.
    """

    status: int
    document: Mapping[str, Any]
    final: bool = True

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read what is kept of an answer.

        Raises:
            InvalidMessage: it is none.
        """
        kept = untrusted.load_object(body)
        status = untrusted.whole(kept, "status", 200, 599)
        document = untrusted.an_object(kept.get("document"))
        if "code" in document:
            untrusted.text(document, "code")
            untrusted.whole(document, "status", status, status)
        if "id" in document and not is_id(untrusted.text(document, "id")):
            raise InvalidMessage("id: expected the id of an upload")
        return cls(status, document)


class Records:
    """The records, by names that hide the keys. Every method raises `Unavailable`."""

    def __init__(self, requests: Bucket) -> None:
        self._requests = requests

    def claim(self, name: str, claim: Claim) -> Claim:
        """Claim a request; return the claim of whoever was first, which may be this one.

        Raises:
            InvalidMessage: there is a claim that cannot be read. Nobody can tell what was asked for
                under the key and what became of it, so it must not be done again.
        """
        if self._create(f"{name}/claim", asdict(claim)):
            return claim
        first = self._requests.read(f"{name}/claim")
        if first is None:
            raise Unavailable(f"claim {name} was forgotten while it was read")
        return Claim.from_json(first)

    def answer(self, name: str) -> Answer | None:
        """Return the answer to a request, None if it is not done.

        One that cannot be read is none: the request is done again, under the ids of its claim, and
        leaves the same.
        """
        kept = self._requests.read(f"{name}/answer")
        if kept is None:
            return None
        try:
            return Answer.from_json(kept)
        except InvalidMessage as error:
            log.warning("answer %s counts as none: %s", name, error)
            return None

    def keep_answer(self, name: str, answer: Answer) -> None:
        """Remember the answer to a request; the first one stays."""
        kept = {"status": answer.status, "document": answer.document}
        self._create(f"{name}/answer", kept)

    def _create(self, name: str, document: Mapping[str, Any]) -> bool:
        body = json.dumps(document, separators=(",", ":")).encode()
        return self._requests.create(name, body, "application/json", {}) is not None
