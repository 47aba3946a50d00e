"""Who may call a function that is not public: the token that Google sends with a call, checked.

For functions that anyone can reach. Where Cloud Run checks its callers itself, this stays off: it
takes the signature out of a token before a function sees it
(https://docs.cloud.google.com/run/docs/troubleshooting#signature-removed).

https://docs.cloud.google.com/pubsub/docs/authenticate-push-subscriptions and
https://docs.cloud.google.com/scheduler/docs/http-target-auth
"""

import base64
import json
import re
import time
from collections.abc import Callable
from typing import Any

from google.auth import jwt
from google.auth.exceptions import GoogleAuthError

from quickthumb.certificates import Certificates, Fetch
from quickthumb.problems import Unauthenticated, WrongCaller

_ISSUERS = ("https://accounts.google.com", "accounts.google.com")

_SKEW_SECONDS = 10
"""By how much the clocks of two machines may differ."""

_MOST_TOKEN = 8_000
"""Characters. Google's own tokens have about a thousand."""

_TOKEN = re.compile(r"([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)


class Callers:
    """Lets those through who have a token for us.

    Args:
        audience: whom the token has to be for.
        certificates_url: where the keys of its issuer are, in PEM by key id.
        account: email of the service account it has to be of; None for any that Google knows.
        call_seconds: how long to wait for the certificates.
        fetch: makes the request for them.
        clock: seconds, never going back.
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

    def check(self, authorization: str | None) -> None:
        """Return if the header `Authorization` proves who calls.

        Raises:
            Unauthenticated: it does not.
            WrongCaller: it proves that somebody else does.
            Unavailable: the certificates cannot be fetched.
            InvalidSetting: what is at their address are no certificates.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated(
                "The call has no token: expected `Authorization: Bearer TOKEN`. The subscription "
                "or the schedule needs an OpenID Connect token of the audience "
                f"{self._audience!r}."
            )
        claims = self._claims(token.strip())
        if claims.get("iss") not in _ISSUERS:
            raise Unauthenticated(
                f"The token of the call is by {claims.get('iss')!r}, not by Google."
            )
        email = claims.get("email") if claims.get("email_verified") is True else None
        if self._account not in (None, email):
            raise WrongCaller(
                f"The token of the call is of {email or 'no verified account'!r}: "
                f"expected {self._account!r}."
            )

    def _claims(self, token: str) -> dict[str, Any]:
        key = key_of(token)
        certificate = self._certificates.find(key)
        if certificate is None:
            raise Unauthenticated(f"The token of the call is signed with the unknown key {key!r}.")
        try:
            claims = jwt.decode(token, {key: certificate}, True, self._audience, _SKEW_SECONDS)  # type: ignore[no-untyped-call]
        except (GoogleAuthError, ValueError, TypeError, RecursionError) as error:
            raise Unauthenticated(f"The token of the call is refused: {error}") from error
        return dict(claims)


def key_of(token: str) -> str:
    """Return the id of the key with which a token claims to be signed.

    This costs little, and comes before any certificate is fetched.

    Raises:
        Unauthenticated: it can be no token of Google's.
    """
    parts = _TOKEN.fullmatch(token) if len(token) <= _MOST_TOKEN else None
    if parts is None:
        raise Unauthenticated(
            "What the call has is no token: expected three segments in base64url, "
            f"{_MOST_TOKEN:,} characters at most."
        )
    encoded = parts[1]
    try:
        header = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or header.get("alg") != "RS256":
        raise Unauthenticated("The header of the token is not of one signed with RS256.")
    key = header.get("kid")
    if not isinstance(key, str) or not key:
        raise Unauthenticated("The header of the token names no key.")
    return key
