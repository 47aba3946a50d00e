"""The tokens by which a function knows that Pub/Sub or the scheduler calls, and not a web page."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from emulator.pubsub.doors.key_server import KEY_FILE_NAME

AUDIENCE = "https://quickthumb.emulator"
"""Whom tokens are for, unless a function names an audience of its own."""


@dataclass(frozen=True, slots=True)
class PushToken:
    """What a token says.

    Attributes:
        account: email of the service account it is of.
        audience: whom it is for.
    """

    account: str
    audience: str

    def environment(self) -> dict[str, str]:
        """Return the variables by which a function expects such a token."""
        return {
            "QUICKTHUMB_PUSH_AUDIENCE": self.audience,
            "QUICKTHUMB_PUSH_ACCOUNT": self.account,
        }

    def headers(self, broker: Path) -> dict[str, str]:
        """Return the header that has a token, signed as the broker does.

        Args:
            broker: folder of its data, where its key is; one is made if it has not needed any yet.

        Raises:
            OSError, ValueError: the key cannot be read.
        """
        import time

        from emulator.pubsub.doors.signing import PushTokens, SigningKey  # libraries that take long

        tokens = PushTokens(SigningKey(broker / KEY_FILE_NAME), time.time)
        return {"Authorization": f"Bearer {tokens.token(self.account, self.audience)}"}


NO_TOKENS: Mapping[str, PushToken] = {}


def asks_for_tokens(variables: Mapping[str, object]) -> bool:
    """Tell whether a function with these variables names an audience."""
    return bool(variables.get("QUICKTHUMB_PUSH_AUDIENCE"))


def push_token(variables: Mapping[str, object], project: str) -> PushToken:
    """Return what a function with these variables wants, by default a token of our own."""
    audience = str(variables.get("QUICKTHUMB_PUSH_AUDIENCE", ""))
    account = str(variables.get("QUICKTHUMB_PUSH_ACCOUNT", ""))
    # By default the account that Terraform makes for pushes.
    default = f"quickthumb-push@{project}.iam.gserviceaccount.com"
    return PushToken(account or default, audience or AUDIENCE)
