"""What is remembered of requests that bear a key, so that the same key gets the same answer.

Before anything else is done for a request it is claimed, and afterwards its answer is kept: two
blobs, each written once. The bucket deletes them after a day: then the key is forgotten, and the
same request is a new one.
"""

import json
import logging
from collections.abc import Mapping
from typing import Annotated, Any, Self

from msgspec import Meta, Struct, to_builtins

from quickthumb.buckets import Bucket
from quickthumb.documents import untrusted
from quickthumb.documents.names import is_id
from quickthumb.problems import InvalidMessage, Unavailable

log = logging.getLogger(__name__)


class Claim(Struct, frozen=True):
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
        claim = untrusted.read(cls, body)
        if not all(map(is_id, claim.ids)):
            raise InvalidMessage("ids: expected the ids of uploads")
        return claim


class Answer(Struct, frozen=True):
    """What a request is answered with.

    Attributes:
        status: of HTTP.
        document: the body, JSON values.
        final: whether it stays the same when the request is made again.
    """

    status: Annotated[int, Meta(ge=200, le=599)]
    document: Mapping[str, Any]
    final: bool = True

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read what is kept of an answer.

        Raises:
            InvalidMessage: it is none.
        """
        kept = untrusted.convert(cls, untrusted.load(body))
        document = kept.document
        problem = str(document.get("code", "")), document.get("status")
        if "code" in document and problem != (document["code"], kept.status):
            raise InvalidMessage("document: expected a problem with the status of the answer")
        if "id" in document and not (isinstance(document["id"], str) and is_id(document["id"])):
            raise InvalidMessage("id: expected the id of an upload")
        return cls(kept.status, document)


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
        if self._create(f"{name}/claim", to_builtins(claim)):
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
