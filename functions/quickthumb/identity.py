"""Authorizes requests with the identity of a function, or of whoever runs it."""

from collections.abc import MutableMapping
from typing import Any

import google.auth
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError
from google.auth.transport.urllib3 import Request
from urllib3 import PoolManager

from quickthumb.problems import NoCredentials, Unavailable


def credentials(scope: str, emulator: str) -> tuple[Any, Request]:
    """Return application default credentials, and what renews them.

    Args:
        scope: what tokens are for.
        emulator: the variable that makes an identity unnecessary.

    Raises:
        NoCredentials: there are none.
    """
    try:
        found, _ = google.auth.default([scope])
    except DefaultCredentialsError as error:
        raise NoCredentials(emulator) from error
    return found, Request(PoolManager())  # type: ignore[no-untyped-call]


class Identity:
    """Whose requests they are: application default credentials.

    Its methods raise `Unavailable` if there is no token, and `OSError` if there is none for the
    moment.

    Args:
        scope: what tokens are for.
        emulator: the variable that makes an identity unnecessary.

    Raises:
        NoCredentials: there are none.
    """

    def __init__(self, scope: str, emulator: str) -> None:
        self._credentials, self._request = credentials(scope, emulator)

    def authorize(self, method: str, url: str, headers: MutableMapping[str, str]) -> None:
        """Add a token to the headers of a request."""
        try:
            self._credentials.before_request(self._request, method, url, headers)
        except GoogleAuthError as error:
            raise _translated(error) from error

    def renew(self) -> None:
        """Get a new token: the last one was refused."""
        try:
            self._credentials.refresh(self._request)
        except GoogleAuthError as error:
            raise _translated(error) from error


def _translated(error: GoogleAuthError) -> Exception:
    return OSError(str(error)) if isinstance(error, TransportError) else Unavailable(str(error))
