"""Records of requests with an `Idempotency-Key`.

A record consists of a claim, written before the request is processed, and an answer, written
afterwards: two blobs, each written once. The bucket deletes them after a day.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Self

from msgspec import Meta, Struct, to_builtins

from quickthumb.buckets import Bucket
from quickthumb.documents import untrusted
from quickthumb.documents.names import is_id
from quickthumb.problems import InvalidMessage, Unavailable

log = logging.getLogger(__name__)


class Claim(Struct, frozen=True):
    """A request with a key.

    Attributes:
        fingerprint: hash of the request; the same for all requests with this key.
        ids: of its uploads, in the order of its files; the same for all attempts.
    """

    fingerprint: str
    ids: tuple[str, ...]

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read a claim. Raises `InvalidMessage`."""
        claim = untrusted.read(cls, body)
        if not all(map(is_id, claim.ids)):
            raise InvalidMessage("ids: expected the ids of uploads")
        return claim


class Answer(Struct, frozen=True):
    """The answer to a request.

    Attributes:
        status: HTTP status.
        document: the body, JSON values.
        final: whether a retry cannot change it.
        ids: of the claim; None if it is not stored, or an earlier version stored it.
    """

    status: Annotated[int, Meta(ge=200, le=599)]
    document: Mapping[str, Any]
    final: bool = True
    ids: tuple[str, ...] | None = None

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read an answer. Raises `InvalidMessage`."""
        stored = untrusted.convert(cls, untrusted.load(body))
        document = stored.document
        problem = str(document.get("code", "")), document.get("status")
        if "code" in document and problem != (document["code"], stored.status):
            raise InvalidMessage("document: expected a problem with the status of the answer")
        if "id" in document and not (isinstance(document["id"], str) and is_id(document["id"])):
            raise InvalidMessage("id: expected the id of an upload")
        return cls(stored.status, document, ids=stored.ids)

    def is_for(self, ids: Sequence[str]) -> bool:
        """Return whether this is the answer to the claim with these ids."""
        if self.ids is not None:
            return self.ids == tuple(ids)
        # By an earlier version: it names the ids of what was accepted.
        verdicts = self.document.get("uploads", [self.document])
        if not isinstance(verdicts, list):
            return False
        named = [
            verdict["id"] for verdict in verdicts if isinstance(verdict, dict) and "id" in verdict
        ]
        return all(id in ids for id in named)


class Records:
    """The records, by hash of their keys. Every method raises `Unavailable`."""

    def __init__(self, requests: Bucket) -> None:
        self._requests = requests

    def claim(self, name: str, claim: Claim) -> Claim:
        """Claim a request; return the first claim, which may be this one.

        Raises:
            InvalidMessage: the first claim cannot be read. What it was for is unknown, so the
                request must not be processed.
        """
        if self._create(f"{name}/claim", to_builtins(claim)):
            return claim
        first = self._requests.read(f"{name}/claim")
        if first is None:
            raise Unavailable(f"claim {name} was deleted while it was read")
        return Claim.from_json(first)

    def claimed(self, name: str) -> datetime:
        """Return when a request was claimed."""
        try:
            blob = self._requests.stat(f"{name}/claim")
        except InvalidMessage as error:
            raise Unavailable(str(error)) from error
        if blob is None:
            raise Unavailable(f"claim {name} was deleted while it was read")
        return blob.updated

    def answer(self, name: str, ids: Sequence[str]) -> Answer | None:
        """Return the answer to a request, None if there is none or it cannot be read.

        An answer to an earlier claim is none: the bucket may delete that claim first.

        Args:
            name: of the record.
            ids: of the claim.

        The request is then processed again, with the ids of its claim, which is idempotent.
        """
        stored = self._requests.read(f"{name}/answer")
        if stored is None:
            return None
        try:
            answer = Answer.from_json(stored)
            return answer if answer.is_for(ids) else None
        except InvalidMessage as error:
            log.warning("ignored answer %s: %s", name, error)
            return None

    def keep_answer(self, name: str, ids: Sequence[str], answer: Answer) -> None:
        """Store the answer to a request with the ids of its claim, unless there is one."""
        stored = {"status": answer.status, "document": answer.document, "ids": [*ids]}
        self._create(f"{name}/answer", stored)

    def lease(self, name: str) -> bool:
        """Take what a name stands for; return False if somebody has taken it before."""
        return self._create(name, {})

    def _create(self, name: str, document: Mapping[str, Any]) -> bool:
        body = json.dumps(document, separators=(",", ":")).encode()
        return self._requests.create(name, body, "application/json", {}) is not None
