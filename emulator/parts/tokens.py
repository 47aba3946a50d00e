"""Tokens that prove to a function that Pub/Sub or the scheduler calls it, not a web page."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from emulator.errors import NoTokens
from emulator.project import PUSHER

AUDIENCE = "https://quickthumb.emulator"
"""The default audience of tokens."""

_AUDIENCE, _ACCOUNT = "QUICKTHUMB_PUSH_AUDIENCE", "QUICKTHUMB_PUSH_ACCOUNT"


@dataclass(frozen=True, slots=True)
class PushToken:
    """The claims of a token: e-mail address of a service account, and audience."""

    account: str
    audience: str

    def environment(self) -> dict[str, str]:
        """Return the variables that make a function require such a token."""
        return {_AUDIENCE: self.audience, _ACCOUNT: self.account}

    def headers(self, broker: Path) -> dict[str, str]:
        """Return the header with a token that is signed with the broker's key.

        Args:
            broker: the broker's data folder; a key is created there if necessary.

        Raises:
            OSError, ValueError: the key cannot be read.
        """
        # Slow to import.
        from emulator.pubsub.doors.key_server import KEY_FILE_NAME
        from emulator.pubsub.doors.signing import PushTokens, SigningKey

        tokens = PushTokens(SigningKey(broker / KEY_FILE_NAME), time.time)
        return {"Authorization": f"Bearer {tokens.token(self.account, self.audience)}"}


def push_token(variables: Mapping[str, object]) -> PushToken:
    """Return the token that a function with these variables requires, or our own by default."""
    audience = str(variables.get(_AUDIENCE, ""))
    account = str(variables.get(_ACCOUNT, ""))
    return PushToken(account or PUSHER, audience or AUDIENCE)


def tokens_for(
    callees: Mapping[str, Mapping[str, object]], *, signed: bool
) -> dict[str, PushToken]:
    """Return the tokens for functions that are not public, which any web page could call otherwise.

    Args:
        callees: the functions' variables, by name.
        signed: whether the broker signs tokens.

    Raises:
        NoTokens: a function requires tokens, but the broker signs none.
    """
    if signed:
        return {name: push_token(variables) for name, variables in callees.items()}
    if any(variables.get(_AUDIENCE) for variables in callees.values()):
        raise NoTokens(
            f"{_AUDIENCE} makes functions require a token with every push, but Google's emulator "
            "sends none. Unset it, or run with --pubsub embedded."
        )
    return {}
