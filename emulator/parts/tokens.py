"""Tokens that tell a function that Pub/Sub or the scheduler is calling, and not a web page."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from emulator.errors import NoTokens
from emulator.project import PUSHER

AUDIENCE = "https://quickthumb.emulator"
"""The audience of tokens, unless a function demands another."""

_AUDIENCE, _ACCOUNT = "QUICKTHUMB_PUSH_AUDIENCE", "QUICKTHUMB_PUSH_ACCOUNT"


@dataclass(frozen=True, slots=True)
class PushToken:
    """What a token says.

    Attributes:
        account: e-mail address of the service account that sends it.
        audience: for whom it is meant.
    """

    account: str
    audience: str

    def environment(self) -> dict[str, str]:
        """Return the variables that make a function demand such a token."""
        return {_AUDIENCE: self.audience, _ACCOUNT: self.account}

    def headers(self, broker: Path) -> dict[str, str]:
        """Return the header with a token, signed with the broker's key.

        Args:
            broker: the broker's data folder, which has the key; one is made if there is none yet.

        Raises:
            OSError, ValueError: the key cannot be read.
        """
        import time

        # Their libraries take long to import.
        from emulator.pubsub.doors.key_server import KEY_FILE_NAME
        from emulator.pubsub.doors.signing import PushTokens, SigningKey

        tokens = PushTokens(SigningKey(broker / KEY_FILE_NAME), time.time)
        return {"Authorization": f"Bearer {tokens.token(self.account, self.audience)}"}


def push_token(variables: Mapping[str, object]) -> PushToken:
    """Return the token that a function with these variables expects, by default one of our own."""
    audience = str(variables.get(_AUDIENCE, ""))
    account = str(variables.get(_ACCOUNT, ""))
    return PushToken(account or PUSHER, audience or AUDIENCE)


def tokens_for(
    callees: Mapping[str, Mapping[str, object]], *, signed: bool
) -> dict[str, PushToken]:
    """Return the tokens to send to functions that only this cloud may call.

    Without them any web page could call those functions, since they listen on this machine.

    Args:
        callees: the functions, with their variables.
        signed: whether the broker signs tokens.

    Raises:
        NoTokens: a function demands tokens, and the broker signs none.
    """
    if signed:
        return {name: push_token(variables) for name, variables in callees.items()}
    if any(variables.get(_AUDIENCE) for variables in callees.values()):
        raise NoTokens(
            f"{_AUDIENCE} makes functions demand a token with every push, and Google's emulator "
            "sends none. Unset it, or run with --pubsub embedded."
        )
    return {}
