"""The tokens with which Pub/Sub proves to a function that it is Pub/Sub who pushes."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PushToken:
    """What a subscription is told of the token.

    Attributes:
        account: email of the service account it is of.
        audience: whom it is for.
    """

    account: str
    audience: str


NO_TOKENS: Mapping[str, PushToken] = {}


def push_token(variables: Mapping[str, object], project: str) -> PushToken | None:
    """Return what a function with these variables wants, None if it asks for no token."""
    audience = str(variables.get("QUICKTHUMB_PUSH_AUDIENCE", ""))
    account = str(variables.get("QUICKTHUMB_PUSH_ACCOUNT", ""))
    # By default the account that Terraform makes for pushes.
    default = f"quickthumb-push@{project}.iam.gserviceaccount.com"
    return PushToken(account or default, audience) if audience else None
