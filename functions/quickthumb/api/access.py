"""Who may write: API keys, of which only hashes are known here."""

import hashlib
import hmac
from collections.abc import Sequence

from starlette.requests import Request

from quickthumb.problems import Unauthorized


class Keys:
    """The keys that are accepted.

    Args:
        hashes: SHA-256 of each key, hexadecimal; empty if no key is needed.
    """

    def __init__(self, hashes: Sequence[str]) -> None:
        self._hashes = hashes

    def holder(self, request: Request) -> str:
        """Return the hash of the key that a request bears, "" where none is needed.

        `X-API-Key` comes first: behind the IAM of Cloud Run, `Authorization` has an identity token.

        Raises:
            Unauthorized: it bears no key, or one that is not accepted.
        """
        if not self._hashes:
            return ""
        key = request.headers.get("x-api-key") or _bearer(request)
        if not key:
            raise Unauthorized(
                "This request needs a key: send X-API-Key: KEY, or Authorization: Bearer KEY."
            )
        shown = hashlib.sha256(key.encode("latin-1")).hexdigest()  # the bytes of the header
        # Compare all of them in constant time, which reveals nothing of a near miss.
        if not sum(hmac.compare_digest(shown, known) for known in self._hashes):
            raise Unauthorized("The key is not accepted: it is mistyped, or it was withdrawn.")
        return shown


def _bearer(request: Request) -> str:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else ""
