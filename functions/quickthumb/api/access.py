"""Who may change something: holders of an API key, or, for uploads, of a token that one made."""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from starlette.requests import Request

from quickthumb.documents import token as tokens
from quickthumb.documents.token import Token
from quickthumb.problems import NotFound, TokenScope, Unauthorized

FIELD = "token"
"""The form field or query parameter with an upload token."""

_KEY = "This request needs an API key: send X-API-Key: KEY, or Authorization: Bearer KEY."
_KEY_OR_TOKEN = (
    f"{_KEY} A page sends an upload token instead: Authorization: Bearer TOKEN, ?token=TOKEN, or a "
    "form field token before the first file."
)


@dataclass(frozen=True, slots=True)
class Holder:
    """Whoever sent a request.

    Attributes:
        key: hash of the API key, "" if none is needed.
        token: the upload token that the API key made, if it was sent instead of the key.
    """

    key: str
    token: Token | None = None

    @property
    def space(self) -> str:
        """The name of what is separate for each holder, such as idempotency keys."""
        return f"{self.key} {self.token.id}" if self.token else self.key


class Keys:
    """The valid keys.

    Args:
        hashes: SHA-256 of each key, hexadecimal; empty if no key is needed.
        secrets: that sign upload tokens; the first signs new ones. Empty if there are no tokens.
    """

    def __init__(self, hashes: Sequence[str], secrets: Sequence[str] = ()) -> None:
        self._hashes = hashes
        # Of each API key and secret; those of the first secret come first.
        self._signing = [
            (each, tokens.key_of(secret, each)) for secret in secrets for each in hashes
        ]

    @property
    def give_tokens(self) -> bool:
        """Whether there are upload tokens."""
        return bool(self._signing)

    def admit(self, request: Request) -> None:
        """Keep the holder of a request in its state, `holder`.

        Raises:
            Unauthorized: the key is missing or invalid.
            TokenScope: an upload token was sent, which only uploads take.
        """
        request.state.holder = self._by_header(request)
        if request.state.holder.token:
            raise TokenScope(
                f"An upload token does not allow {request.method} {request.url.path[:100]}: send "
                "an API key."
            )

    def admit_upload(self, request: Request) -> None:
        """Keep the holder of an upload in its state; None if the form is still to tell it.

        Raises:
            Unauthorized: the key or token is missing or invalid.
        """
        request.state.holder = None
        if _sent(request) or not self.give_tokens:
            request.state.holder = self._by_header(request)
        elif FIELD in request.query_params:
            request.state.holder = self._by_token(request.query_params[FIELD])
        elif not request.headers.get("content-type", "").lower().startswith("multipart/"):
            raise Unauthorized(_KEY_OR_TOKEN)

    def admit_form(self, request: Request, fields: Iterable[tuple[str, object]]) -> None:
        """Keep the holder of an upload in its state, with a token in the form if need be.

        Args:
            request: the request.
            fields: that precede the first file, names and values.

        Raises:
            Unauthorized: the token is missing or invalid.
        """
        if request.state.holder is None:
            sent = next((str(text) for name, text in fields if name == FIELD), None)
            if sent is None:
                raise Unauthorized(_KEY_OR_TOKEN)
            request.state.holder = self._by_token(sent)

    def sign(self, token: Token, holder: Holder) -> str:
        """Return a token of an API key as text.

        Raises:
            NotFound: the service gives no tokens.
        """
        if not self.give_tokens:
            raise NotFound(
                "This service gives no upload tokens: that needs the settings QUICKTHUMB_API_KEYS "
                "and QUICKTHUMB_TOKEN_SECRETS."
            )
        return token.signed(next(key for each, key in self._signing if each == holder.key))

    def _by_header(self, request: Request) -> Holder:
        if not self._hashes:
            return Holder("")
        sent = _sent(request)
        if not sent:
            raise Unauthorized(_KEY)
        shown = hashlib.sha256(sent.encode("latin-1")).hexdigest()  # the bytes of the header
        # In constant time, so that the duration reveals nothing about the keys.
        if sum(hmac.compare_digest(shown, known) for known in self._hashes):
            return Holder(shown)
        if self.give_tokens and sent.startswith(tokens.PREFIX):
            return self._by_token(sent)
        raise Unauthorized("The API key is invalid: it is mistyped, or was revoked.")

    def _by_token(self, sent: str) -> Holder:
        token, index = Token.read(sent, [key for _, key in self._signing])
        return Holder(self._signing[index][0], token)


def _sent(request: Request) -> str:
    """Return the key or token in the headers of a request.

    `X-API-Key` takes precedence: behind Cloud Run's IAM, `Authorization` has an identity token.
    """
    return request.headers.get("x-api-key") or _bearer(request)


def _bearer(request: Request) -> str:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else ""
