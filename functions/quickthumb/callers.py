"""Who may deliver messages: the token that Pub/Sub sends with a push, checked.

For functions that anyone can call. Where Cloud Run checks its callers itself, this stays off: it
takes the signature out of a token before a function sees it
(https://docs.cloud.google.com/run/docs/troubleshooting#signature-removed).

https://docs.cloud.google.com/pubsub/docs/authenticate-push-subscriptions
"""

import json
import re
import threading
import time
from collections.abc import Callable
from typing import Any

from google.auth.exceptions import GoogleAuthError, TransportError
from google.auth.transport import Request
from google.oauth2 import id_token

from quickthumb.errors import InvalidSetting, Unauthenticated, Unavailable, WrongCaller

_ISSUERS = ("https://accounts.google.com", "accounts.google.com")

_SKEW_SECONDS = 10
"""By how much the clocks of two machines may differ."""

_DEFAULT_SECONDS = 300.0
"""For how long certificates are kept whose answer does not say."""

_RENEWAL_SECONDS = 60.0
"""A token of a key that is not known has the certificates fetched again, if they are older."""

Fetch = Callable[..., Any]
"""Makes an HTTP request as `google.auth.transport.Request` does."""


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
        self._url = certificates_url
        self._account = account
        self._certificates = _Certificates(fetch, call_seconds, clock)

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
                "The push has no token: expected `Authorization: Bearer TOKEN`. The subscription "
                f"needs an OpenID Connect token of the audience {self._audience}."
            )
        claims = self._claims(token.strip())
        if claims.get("iss") not in _ISSUERS:
            raise Unauthenticated(
                f"The token of the push is by {claims.get('iss')}, not by Google."
            )
        email = claims.get("email")
        if self._account and not (email == self._account and claims.get("email_verified") is True):
            raise WrongCaller(f"The token of the push is of {email}: expected {self._account}.")

    def _claims(self, token: str) -> dict[str, Any]:
        while True:
            try:
                claims = id_token.verify_token(
                    token, self._certificates, self._audience, self._url, _SKEW_SECONDS
                )
            except TransportError as error:
                raise Unavailable(f"Certificates of push tokens, {self._url}: {error}") from error
            except (GoogleAuthError, ValueError) as error:
                # It may be of a key that is newer than what we know.
                if not self._certificates.renew():
                    raise Unauthenticated(f"The token of the push is refused: {error}") from error
            else:
                return dict(claims)


class _Certificates(Request):
    """Fetches certificates, and keeps them for as long as their answer allows."""

    def __init__(self, fetch: Fetch, call_seconds: float, clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._seconds = call_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._answer: Any = None
        self._fetched_at = 0.0
        self._until = 0.0

    def __call__(self, url: str, *_: Any, **__: Any) -> Any:
        """Return the answer, new or kept. Several threads may ask at once: one fetches.

        Raises:
            TransportError: there is none.
            InvalidSetting: it is none of certificates.
        """
        with self._lock:
            now = self._clock()
            if self._answer is None or now >= self._until:
                answer = self._fetch(url, method="GET", timeout=self._seconds)
                if answer.status != 200:
                    raise TransportError(f"answered {answer.status}")  # type: ignore[no-untyped-call]
                _expect_pem(url, answer.data)
                age = re.search(r"max-age=([0-9]+)", answer.headers.get("cache-control", ""))
                self._answer, self._fetched_at = answer, now
                self._until = now + (float(age[1]) if age else _DEFAULT_SECONDS)
            return self._answer

    def renew(self) -> bool:
        """Forget what was fetched, unless just now; tell whether something was forgotten."""
        with self._lock:
            if self._answer is None or self._clock() - self._fetched_at < _RENEWAL_SECONDS:
                return False
            self._answer = None
            return True


def _expect_pem(url: str, body: bytes) -> None:
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict) or "keys" in document:
        raise InvalidSetting(
            f"QUICKTHUMB_PUSH_CERTS_URL: {url}: expected an address whose answer has certificates "
            "in PEM by key id, such as https://www.googleapis.com/oauth2/v1/certs"
        )
