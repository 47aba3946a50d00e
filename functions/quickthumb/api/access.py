"""API keys, which writing requires; only their hashes are stored."""

import hashlib
import hmac
from collections.abc import Sequence

from starlette.requests import Request

from quickthumb.problems import Unauthorized


class Keys:
    """The valid keys.

    Args:
        hashes: SHA-256 of each key, hexadecimal; empty if no key is needed.
    """

    def __init__(self, hashes: Sequence[str]) -> None:
        self._hashes = hashes

    def holder(self, request: Request) -> str:
        """Return the hash of a request's key, "" if none is needed.

        `X-API-Key` takes precedence: behind Cloud Run's IAM, `Authorization` has an identity token.

        Raises:
            Unauthorized: the key is missing or invalid.
        """
        if not self._hashes:
            return ""
        key = request.headers.get("x-api-key") or _bearer(request)
        if not key:
            raise Unauthorized(
                "This request needs an API key: send X-API-Key: KEY, or Authorization: Bearer KEY."
            )
        shown = hashlib.sha256(key.encode("latin-1")).hexdigest()  # the bytes of the header
        # In constant time, so that the duration reveals nothing about the keys.
        if not sum(hmac.compare_digest(shown, known) for known in self._hashes):
            raise Unauthorized("The API key is invalid: it is mistyped, or was revoked.")
        return shown


def _bearer(request: Request) -> str:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else ""
