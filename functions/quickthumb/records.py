"""What is remembered of requests that bear a key, so that the same key gets the same answer.

Before anything else is done for a request it is claimed, and afterwards its answer is kept: two
blobs, each written once. The bucket deletes them after a day: then the key is forgotten, and the
same request is a new one.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from quickthumb.errors import Unavailable
from quickthumb.storage import Bucket


@dataclass(frozen=True, slots=True)
class Claim:
    """A request that bears a key.

    Attributes:
        fingerprint: hash of what was sent; under the same key it has to be the same.
        ids: of its uploads, in the order of its files: whoever does it, does it under these.
    """

    fingerprint: str
    ids: tuple[str, ...]


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


class Records:
    """The records, by names that hide the keys. Every method raises `Unavailable`."""

    def __init__(self, requests: Bucket) -> None:
        self._requests = requests

    def claim(self, name: str, claim: Claim) -> Claim:
        """Claim a request; return the claim of whoever was first, which may be this one."""
        if self._create(f"{name}/claim", asdict(claim)):
            return claim
        first = self._read(f"{name}/claim")
        if first is None:
            raise Unavailable(f"claim {name} was forgotten while it was read")
        return Claim(first["fingerprint"], tuple(first["ids"]))

    def answer(self, name: str) -> Answer | None:
        """Return the answer to a request, None if it is not done."""
        kept = self._read(f"{name}/answer")
        return None if kept is None else Answer(kept["status"], kept["document"])

    def keep_answer(self, name: str, answer: Answer) -> None:
        """Remember the answer to a request; the first one stays."""
        kept = {"status": answer.status, "document": answer.document}
        self._create(f"{name}/answer", kept)

    def _create(self, name: str, document: Mapping[str, Any]) -> bool:
        body = json.dumps(document, separators=(",", ":")).encode()
        return self._requests.create(name, body, "application/json", {}) is not None

    def _read(self, name: str) -> dict[str, Any] | None:
        body = self._requests.read(name)
        return None if body is None else dict(json.loads(body))
