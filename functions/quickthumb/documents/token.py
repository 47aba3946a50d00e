"""An upload token: what its holder may upload, signed by the service.

The signature is an HMAC-SHA256 with a key that belongs to one API key: it is derived from a secret
of the service and the hash of that API key. So nothing is stored, and a token is worth nothing as
soon as its API key, or the secret, is removed from the settings. The hash alone would not do, since
it need not be secret.
"""

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Iterable, Sequence
from typing import Annotated, Self

import msgspec
from msgspec import Meta, Struct

from quickthumb.documents import untrusted
from quickthumb.documents.metadata import Metadata, joined
from quickthumb.options import OPTIONS, parse_sizes
from quickthumb.problems import InvalidMessage, InvalidToken, TokenExpired, TokenScope

PREFIX = "qtu1."
"""How tokens begin, so that people and programs that look for secrets recognise one."""

MAX_LENGTH = 4_000
"""Maximum length of a token, characters: the field of a form may have little more."""

MAX_SECONDS = 12 * 3600
"""How long a token may live, seconds: claims are kept for a day."""

MAX_USES = 100

_PURPOSE = b"quickthumb upload token 1\0"
_FORM = re.compile(re.escape(PREFIX) + r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})", re.ASCII)

Count = Annotated[int, Meta(ge=1, le=untrusted.MAX_WHOLE)]
Fields = Sequence[tuple[str, str]]


class Token(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a token allows.

    Attributes:
        id: random; names the claims of its uses.
        expires: when it ends, seconds of `time.time`.
        max_files: most pictures in a request.
        max_size: most bytes of these, together.
        uses: how many requests; None for any number.
        options: of every upload that chooses no others, as text, as in a form.
        allow: options that a request may choose, with the texts that it may choose from; None for
            any value.
        metadata: of every upload.
        uploads_per_minute: quota, pictures; None for that of the API key alone.
        bytes_per_minute: quota, bytes.

    A version that does not know a member refuses the token, since it may be a restriction.
    """

    id: str
    expires: int
    max_files: Count
    max_size: Count
    uses: Annotated[int, Meta(ge=1, le=MAX_USES)] | None = None
    options: dict[str, str] = {}
    allow: dict[str, tuple[str, ...] | None] = {}
    metadata: Metadata = {}
    uploads_per_minute: Count | None = None
    bytes_per_minute: Count | None = None

    @staticmethod
    def new_id() -> str:
        """Return a new random id."""
        return secrets.token_urlsafe(12)

    def signed(self, key: bytes) -> str:
        """Return the token as text, signed with a key from `key_of`."""
        payload = _encoded(msgspec.json.encode(self))
        return f"{PREFIX}{payload}.{_signature(payload, key)}"

    @classmethod
    def read(cls, text: str, keys: Iterable[bytes]) -> tuple[Self, int]:
        """Return a valid token, and the index of the key that signed it.

        All keys are tried, whichever fits, so that the duration reveals nothing.

        Raises:
            InvalidToken: it is malformed, or none of the keys signed it.
            TokenExpired: it has expired.
        """
        parts = _FORM.fullmatch(text) if len(text) <= MAX_LENGTH else None
        payload, shown = parts.groups() if parts else ("", "")
        found = [
            index
            for index, key in enumerate(keys)
            if hmac.compare_digest(_signature(payload, key), shown)
        ]
        if not found:
            raise InvalidToken(
                "The upload token is invalid: it is mistyped or cut off, or the key that it was "
                "made with was revoked. Get a new one with POST /tokens."
            )
        try:
            token = untrusted.read(cls, _decoded(payload))
        except (InvalidMessage, ValueError) as error:
            # Another version signed it.
            raise InvalidToken(f"This version cannot read the upload token: {error}.") from None
        if token.expires <= time.time():
            raise TokenExpired("The upload token has expired: get a new one with POST /tokens.")
        return token, found[0]

    def chosen(self, given: Fields) -> tuple[tuple[str, str], ...]:
        """Return the options of an upload: those of the token, and what the request may choose.

        Args:
            given: fields of the request; names that are no options stay.

        Raises:
            TokenScope: the request chooses what the token does not allow.
        """
        others = []
        for name, text in given:
            if name in self.options and name not in self.allow:
                if text != self.options[name]:
                    raise TokenScope(
                        f"The upload token sets {name} to {self.options[name][:100]!r}: remove it.",
                        field=name,
                    )
            elif name in OPTIONS and not self._allows(name, text):
                choice = self.allow.get(name)
                allowed = (
                    f"choose from {', '.join(choice)}"
                    if choice
                    else "remove it, or get a token that allows it"
                )
                raise TokenScope(
                    f"The upload token does not allow {name} {text[:100]!r}: {allowed}.", field=name
                )
            else:
                others.append((name, text))
        names = {name for name, _ in others}
        return (*(each for each in self.options.items() if each[0] not in names), *others)

    def _allows(self, name: str, text: str) -> bool:
        if name not in self.allow:
            return False
        choice = self.allow[name]
        if choice is None:
            return True
        parse = OPTIONS[name].parse
        try:
            wanted = parse_sizes(text) if name == "sizes" else (parse(text),)
        except ValueError:
            return True  # refused as an invalid option
        sets = [parse_sizes(each) if name == "sizes" else (parse(each),) for each in choice]
        return set(wanted) <= {value for values in sets for value in values}

    def labelled(self, metadata: Metadata) -> Metadata:
        """Return the metadata of an upload: that of the token, and that of the request.

        Raises:
            TokenScope: the request sets what the token sets to something else.
            InvalidMetadata: together they exceed a bound.
        """
        for key in metadata.keys() & self.metadata.keys():
            if metadata[key] != self.metadata[key]:
                raise TokenScope(
                    f"The upload token sets the metadata {key}: remove it.",
                    field=f"metadata[{key}]",
                )
        rest = {key: text for key, text in metadata.items() if key not in self.metadata}
        return joined([self.metadata, rest])

    def admit(self, files: int, size: int, field: str = "file") -> None:
        """Check the extent of a request.

        Args:
            files: number of pictures.
            size: of these together, bytes.
            field: the field of the request that tells them.

        Raises:
            TokenScope: the token does not allow it.
        """
        if files > self.max_files:
            raise TokenScope(
                f"The request has {files:,} pictures: the upload token allows {self.max_files:,}.",
                field=field,
            )
        if size > self.max_size:
            raise TokenScope(
                f"The request has {size:,} bytes of pictures: the upload token allows "
                f"{self.max_size:,}.",
                field=field,
            )


def key_of(secret: str, api_key_hash: str) -> bytes:
    """Return the key that signs the tokens of an API key.

    Args:
        secret: of the service.
        api_key_hash: SHA-256 of the API key, hexadecimal.
    """
    return hmac.digest(secret.encode(), _PURPOSE + api_key_hash.encode(), "sha256")


def _signature(payload: str, key: bytes) -> str:
    return _encoded(hmac.digest(key, payload.encode(), hashlib.sha256))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
