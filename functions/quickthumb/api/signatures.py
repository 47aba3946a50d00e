"""Signatures of addresses: whoever has a key of the service allows further thumbnails.

A signature is the HMAC-SHA256 (RFC 2104) of the canonical form of an address, in lowercase
hexadecimal digits.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from urllib.parse import quote, urlencode

SIGNATURE = "signature"
"""The query parameter."""

UNSIGNED = (SIGNATURE, "wait", "download")
"""Parameters that are not signed: they do not change the thumbnail."""


def canonical(path: str, query: Iterable[tuple[str, str]]) -> str:
    """Return what is signed of an address: path, and query parameters sorted by name.

    Names and values are percent-encoded, but for letters, digits and `-._~`
    (https://www.rfc-editor.org/rfc/rfc3986#section-2.3). `UNSIGNED` parameters are left out; a
    question mark follows the path only if others are left.

    Args:
        path: decoded, with a slash at the beginning.
        query: decoded names and values.
    """
    signed = sorted((name, text) for name, text in query if name not in UNSIGNED)
    return f"{path}?{urlencode(signed, quote_via=quote, safe='')}" if signed else path


def sign(key: str, path: str, query: Iterable[tuple[str, str]] = ()) -> str:
    """Return the signature of an address by a key."""
    text = canonical(path, query)
    return hmac.new(key.encode(), text.encode(errors="replace"), hashlib.sha256).hexdigest()


def is_signed(
    keys: Sequence[str], path: str, query: Sequence[tuple[str, str]], signature: str
) -> bool:
    """Return whether a signature is by any of the keys."""
    given = signature.encode(errors="replace")
    # In constant time, so that the duration reveals nothing about the right one.
    return sum(hmac.compare_digest(sign(key, path, query).encode(), given) for key in keys) > 0
