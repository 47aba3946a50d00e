"""Push tokens, and the key that signs them.

https://docs.cloud.google.com/pubsub/docs/authenticate-push-subscriptions
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

# Google's issuer, so that code which checks it can be tested unchanged. Only the URL of the
# certificates differs, where this broker serves its own key.
ISSUER = "https://accounts.google.com"
LIFETIME_SECONDS = 3600


class SigningKey:
    """The RSA key of this broker, generated on first use and kept in a file."""

    def __init__(self, file: Path | None) -> None:
        """Generate and read nothing yet.

        Args:
            file: File of the key; None for a key in memory only.
        """
        self._file = file

    def public_keys(self) -> dict[str, str]:
        """Return the public key as PEM by key id, like https://www.googleapis.com/oauth2/v1/certs."""
        pem = self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return {self._id: pem.decode()}

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the JSON Web Key Set, like https://www.googleapis.com/oauth2/v3/certs."""
        numbers = self._key.public_key().public_numbers()
        key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": self._id}
        return {"keys": [key | {"n": _base64url(numbers.n), "e": _base64url(numbers.e)}]}

    def sign(self, claims: dict[str, Any]) -> str:
        """Return a JSON Web Token with these claims (RFC 7515, compact serialization)."""
        header = {"alg": "RS256", "kid": self._id, "typ": "JWT"}
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64url(signature)}"

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        if self._file is not None and self._file.exists():
            return _read(self._file)
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return _save(key, self._file) if self._file is not None else key

    @cached_property
    def _id(self) -> str:
        public = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return hashlib.sha256(public).hexdigest()[:40]


class PushTokens:
    """Tokens for push requests; each is used for many requests, as in production."""

    def __init__(self, key: SigningKey, clock: Callable[[], float]) -> None:
        """Sign with a key, and a clock that returns seconds since the epoch."""
        self.key = key
        self._clock = clock
        self._tokens: dict[tuple[str, str], tuple[float, str]] = {}

    def token(self, service_account: str, audience: str) -> str:
        """Return a token that is valid for at least another half of its lifetime."""
        now = self._clock()
        issued, token = self._tokens.get((service_account, audience), (float("-inf"), ""))
        if now - issued > LIFETIME_SECONDS / 2:
            subject = str(int(hashlib.sha256(service_account.encode()).hexdigest()[:17], 16))
            claims = {
                "iss": ISSUER,
                "aud": audience,
                "azp": subject,
                "sub": subject,
                "email": service_account,
                "email_verified": True,
                "iat": int(now),
                "exp": int(now) + LIFETIME_SECONDS,
            }
            token = self.key.sign(claims)
            self._tokens[service_account, audience] = (now, token)
        return token


def _save(key: rsa.RSAPrivateKey, file: Path) -> rsa.RSAPrivateKey:
    """Save a key and return it, or return the one that another process has just saved."""
    unfinished = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    try:
        unfinished.touch(mode=0o600)
        unfinished.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        file.hardlink_to(unfinished)  # atomic, and never replaces another
    except FileExistsError:
        return _read(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return key


def _read(file: Path) -> rsa.RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError(
            f"{file}: expected an RSA private key in PEM. Delete the file to generate a new key"
        )
    return key


def _base64url(raw: bytes | int) -> str:
    if isinstance(raw, int):
        raw = raw.to_bytes((raw.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
