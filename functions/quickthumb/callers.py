"""Verifies the tokens of Pub/Sub and Cloud Scheduler, for functions that are not public.

This is off where Cloud Run checks callers, since it removes the signature of verified tokens
(https://docs.cloud.google.com/run/docs/troubleshooting#signature-removed).

https://docs.cloud.google.com/pubsub/docs/authenticate-push-subscriptions and
https://docs.cloud.google.com/scheduler/docs/http-target-auth
"""

import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from google.auth import jwt
from google.auth.exceptions import GoogleAuthError

from quickthumb.certificates import Certificates, Fetch
from quickthumb.problems import Unauthenticated, WrongCaller

_ISSUERS = ("https://accounts.google.com", "accounts.google.com")

_SKEW_SECONDS = 10
"""Tolerated clock skew."""

_MOST_TOKEN = 8_000
"""Characters. Google's tokens have about a thousand."""

_REMEMBERED = 16
"""Tokens whose signature is not verified again. A subscription sends one for up to an hour."""

_TOKEN = re.compile(r"([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)


class Callers:
    """Verifies the tokens of callers.

    Args:
        audience: required audience.
        certificates_url: of the issuer's certificates, in PEM by key id.
        account: email of the required service account; None for any Google account.
        call_seconds: timeout of requests for certificates, seconds.
        fetch: makes these requests.
        clock: monotonic, seconds.
    """

    def __init__(
        self,
        audience: str,
        certificates_url: str,
        account: str | None,
        call_seconds: float,
        fetch: Fetch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._audience = audience
        self._account = account
        self._certificates = Certificates(certificates_url, call_seconds, fetch, clock)
        self._verified = lru_cache(_REMEMBERED)(self._verify)

    def check(self, authorization: str | None) -> None:
        """Verify the header `Authorization`.

        Raises:
            Unauthenticated: it has no valid token.
            WrongCaller: the token belongs to another account.
            Unavailable: the certificates cannot be fetched.
            InvalidSetting: the URL of the certificates returns something else.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated(
                "The request has no token: expected `Authorization: Bearer TOKEN`. Configure the "
                "subscription or schedule to send an OpenID Connect token with the audience "
                f"{self._audience!r}."
            )
        claims = self._claims(token.strip())
        if claims.get("iss") not in _ISSUERS:
            raise Unauthenticated(f"The token was issued by {claims.get('iss')!r}, not by Google.")
        email = claims.get("email") if claims.get("email_verified") is True else None
        if self._account not in (None, email):
            raise WrongCaller(
                f"The token belongs to {email or 'no verified account'!r}: "
                f"expected {self._account!r}."
            )

    def _claims(self, token: str) -> Mapping[str, Any]:
        key = key_of(token)
        certificate = self._certificates.find(key)
        if certificate is None:
            raise Unauthenticated(f"The token is signed with the unknown key {key!r}.")
        claims = self._verified(token, key, certificate)
        if claims["exp"] + _SKEW_SECONDS < time.time():  # since it was verified
            raise Unauthenticated("The token is invalid: it has expired.")
        return claims

    def _verify(self, token: str, key: str, certificate: str) -> Mapping[str, Any]:
        """Return the claims of a token that is valid now."""
        try:
            claims = jwt.decode(token, {key: certificate}, True, self._audience, _SKEW_SECONDS)  # type: ignore[no-untyped-call]
        except (GoogleAuthError, ValueError, TypeError, RecursionError) as error:
            raise Unauthenticated(f"The token is invalid: {error}") from error
        return dict(claims)


def key_of(token: str) -> str:
    """Return the id of the key that signed a token, according to its header.

    This is cheap, and done before any certificate is fetched.

    Raises:
        Unauthenticated: this cannot be a token of Google's.
    """
    parts = _TOKEN.fullmatch(token) if len(token) <= _MOST_TOKEN else None
    if parts is None:
        raise Unauthenticated(
            "Malformed token: expected three base64url segments, "
            f"{_MOST_TOKEN:,} characters at most."
        )
    encoded = parts[1]
    try:
        header = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or header.get("alg") != "RS256":
        raise Unauthenticated("The token is not signed with RS256.")
    key = header.get("kid")
    if not isinstance(key, str) or not key:
        raise Unauthenticated("The token names no key.")
    return key
