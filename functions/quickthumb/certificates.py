"""The certificates that verify tokens, fetched on demand and cached."""

import json
import logging
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.auth.exceptions import GoogleAuthError

from quickthumb.problems import InvalidSetting, Unavailable

log = logging.getLogger(__name__)

_DEFAULT_SECONDS = 300.0
"""Lifetime of certificates whose response has no max-age."""

_STALE_SECONDS = 24 * 3600.0
"""How long stale certificates stay valid while no new ones can be fetched. The issuer may be down
for a day, and a key that it has revoked meanwhile is accepted for no longer than that."""

_PAUSE_SECONDS = 60.0
"""Minimum interval between two requests, whatever tokens arrive."""

_FIRST_PAUSE_SECONDS = 5.0
"""The same, while there are no certificates yet."""

Fetch = Callable[..., Any]
"""Makes an HTTP request as `google.auth.transport.Request` does."""


@dataclass(frozen=True, slots=True)
class _Known:
    """The latest certificates.

    Attributes:
        by_key: certificates in PEM, by key id.
        fresh_until: when to fetch new ones.
    """

    by_key: Mapping[str, str]
    fresh_until: float


class Certificates:
    """Certificates by key id, thread-safe.

    The old ones are used until new ones have arrived. One thread fetches them; others only wait if
    they need the new ones.

    Args:
        url: of the certificates.
        call_seconds: timeout of a request, seconds.
        fetch: makes the request.
        clock: monotonic, seconds.
    """

    def __init__(
        self, url: str, call_seconds: float, fetch: Fetch, clock: Callable[[], float]
    ) -> None:
        self._url = url
        self._seconds = call_seconds
        self._fetch = fetch
        self._clock = clock
        self._one = threading.Lock()  # held by the thread that fetches
        self._known = _Known({}, float("-inf"))
        self._tried_at = float("-inf")
        self._failure: Unavailable | InvalidSetting | None = None

    def find(self, key: str) -> str | None:
        """Return the certificate of a key; None if the issuer does not know the key.

        Raises:
            Unavailable: the issuer does not respond.
            InvalidSetting: its response contains no certificates.
        """
        known = self._usable()
        if not (key in known and self._is_fresh()):
            if self._one.acquire(blocking=key not in known):
                try:
                    if self._is_due(key):
                        self._renew()
                finally:
                    self._one.release()
            known = self._usable()
        if key not in known and self._failure is not None:
            raise type(self._failure)(str(self._failure))
        return known.get(key)

    def _usable(self) -> Mapping[str, str]:
        known = self._known
        return known.by_key if self._clock() < known.fresh_until + _STALE_SECONDS else {}

    def _is_fresh(self) -> bool:
        return self._clock() < self._known.fresh_until

    def _is_due(self, key: str) -> bool:
        """Return whether to fetch certificates: another thread may just have done so."""
        known = self._usable()
        if key in known and self._is_fresh():
            return False
        pause = _PAUSE_SECONDS if known else _FIRST_PAUSE_SECONDS
        return self._clock() - self._tried_at >= pause

    def _renew(self) -> None:
        """Fetch certificates; on failure keep the current ones."""
        try:
            self._known = self._fetched()
        except (Unavailable, InvalidSetting) as error:
            self._failure = error
            log.warning("cannot refresh the token certificates: %s", error)
        else:
            self._failure = None
        finally:
            # Not when it started: a thread that waited for this must not repeat it.
            self._tried_at = self._clock()

    def _fetched(self) -> _Known:
        try:
            answer = self._fetch(self._url, method="GET", timeout=self._seconds)
        except GoogleAuthError as error:
            raise Unavailable(f"Token certificates, {self._url}: {error}") from error
        if answer.status != 200:
            raise Unavailable(f"Token certificates, {self._url}: status {answer.status}")
        by_key = _pems(self._url, answer.data)
        age = re.search(r"max-age=([0-9]{1,9})", answer.headers.get("cache-control", ""))
        seconds = float(age[1]) if age else _DEFAULT_SECONDS
        return _Known(by_key, self._clock() + seconds)


def _pems(url: str, body: bytes) -> Mapping[str, str]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if (
        not isinstance(document, dict)
        or not document
        or not all(isinstance(pem, str) and "-----BEGIN" in pem for pem in document.values())
    ):
        raise InvalidSetting(
            f"QUICKTHUMB_PUSH_CERTS_URL: {url}: expected a URL that returns PEM certificates by "
            "key id, such as https://www.googleapis.com/oauth2/v1/certs"
        )
    return document
