"""The code of docs/events.md that verifies an event."""

import re

import pytest
from google.auth.exceptions import GoogleAuthError

from emulator.bootstrap import ROOT
from emulator.pubsub.doors.signing import SigningKey
from tests.issuer import ACCOUNT, AUDIENCE, bearer, issuing

[CODE] = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "events.md").read_text(), re.DOTALL)

KEY, OTHER_KEY = SigningKey(None), SigningKey(None)


@pytest.fixture
def verify():
    """Return the function of the document, with the certificates of an issuer of our own."""
    names = {}
    exec(CODE, names)  # noqa: S102 - it is what the test is about
    with issuing(KEY) as issuer:
        yield lambda header: names["verify"](header, AUDIENCE, ACCOUNT, issuer.url)


def test_an_event_of_the_subscription_is_let_through(verify):
    verify(bearer(KEY))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer e30.e30.e30",
        bearer(OTHER_KEY),
        bearer(KEY, aud="https://elsewhere.example"),
        bearer(KEY, email="somebody@gmail.com"),
        bearer(KEY, email_verified=False),
        bearer(KEY, iss="https://issuer.example"),
        bearer(KEY, exp=1_700_000_000, iat=1_600_000_000),
    ],
    ids=["none", "garbage", "forged", "audience", "account", "unverified", "issuer", "expired"],
)
def test_anything_else_is_refused(verify, header):
    with pytest.raises((ValueError, GoogleAuthError)):
        verify(header)
