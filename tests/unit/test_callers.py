"""Who may deliver messages, with keys and tokens such as the broker makes."""

import json
import time
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.exceptions import TransportError

from emulator.pubsub.signing import ISSUER, SigningKey
from quickthumb.callers import Callers
from quickthumb.errors import InvalidSetting, Unauthenticated, Unavailable, WrongCaller

AUDIENCE = "https://resize.example"
ACCOUNT = "push@project.iam.gserviceaccount.com"
URL = "https://certificates.example/v1"
KEY, OTHER_KEY = SigningKey(None), SigningKey(None)


@dataclass
class Answer:
    data: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"cache-control": "max-age=600"})


class Issuer:
    """Serves certificates, and counts how often."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys = keys
        self.asked: list[str] = []
        self.answer = lambda: Answer(
            json.dumps(
                {id: pem for key in self.keys for id, pem in key.public_keys().items()}
            ).encode()
        )

    def __call__(self, url, method, timeout):
        self.asked.append(url)
        return self.answer()


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(KEY)


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def callers(issuer, clock) -> Callers:
    return Callers(AUDIENCE, URL, ACCOUNT, 10, issuer, lambda: clock[0])


def bearer(key=KEY, **claims):
    now = int(time.time())
    said = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "email": ACCOUNT,
        "email_verified": True,
        "sub": "1",
        "iat": now,
        "exp": now + 3600,
    }
    return f"Bearer {key.sign(said | claims)}"


def test_the_token_of_a_push_lets_it_through(callers, issuer):
    callers.check(bearer())
    callers.check(bearer().replace("Bearer", "bearer"))
    assert set(issuer.asked) == {URL}


def test_any_account_will_do_where_none_is_expected(issuer):
    Callers(AUDIENCE, URL, None, 10, issuer).check(bearer(email="someone@else.example"))


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz"])
def test_a_push_without_a_token_is_told_what_is_missing(callers, issuer, header):
    with pytest.raises(Unauthenticated, match=r"no token: expected .* audience https://resize"):
        callers.check(header)
    assert issuer.asked == []


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "https://another.example"}, "audience"),
        ({"exp": -60, "iat": -3660}, "expired"),
        ({"iat": 600, "exp": 3600}, "early"),
        ({"iss": "https://issuer.example"}, "by https://issuer.example, not by Google"),
    ],
    ids=["another audience", "expired", "from the future", "another issuer"],
)
def test_a_token_that_proves_nothing_is_refused(callers, claims, reason):
    now = int(time.time())
    said = {
        name: now + value if name in ("iat", "exp") else value for name, value in claims.items()
    }
    with pytest.raises(Unauthenticated, match=reason) as refusal:
        callers.check(bearer(**said))
    assert not isinstance(refusal.value, WrongCaller)


def test_what_is_no_token_at_all_is_refused(callers):
    with pytest.raises(Unauthenticated, match="segments"):
        callers.check("Bearer nonsense")


def test_a_token_by_a_key_that_nobody_published_is_refused(callers):
    with pytest.raises(Unauthenticated, match="not found"):
        callers.check(bearer(OTHER_KEY))


def test_a_token_whose_claims_were_changed_is_refused(callers):
    head, _, signature = bearer().split(".")
    _, claims, _ = bearer(sub="2").split(".")
    with pytest.raises(Unauthenticated, match="signature"):
        callers.check(f"{head}.{claims}.{signature}")


def test_a_token_that_names_the_key_of_another_is_refused(callers):
    forged = SigningKey(None)
    forged.__dict__["_key"] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    forged.__dict__["_id"] = next(iter(KEY.public_keys()))
    with pytest.raises(Unauthenticated, match="signature"):
        callers.check(bearer(forged))


def test_a_token_without_signature_is_refused(callers):
    head, claims, _ = bearer().split(".")
    for signature in ("", "SIGNATURE_REMOVED_BY_GOOGLE"):
        with pytest.raises(Unauthenticated):
            callers.check(f"{head}.{claims}.{signature}")


@pytest.mark.parametrize("claims", [{"email": "me@else.example"}, {"email_verified": False}])
def test_a_token_of_somebody_else_is_forbidden(callers, claims):
    with pytest.raises(WrongCaller, match=f"expected {ACCOUNT}"):
        callers.check(bearer(**claims))


def test_certificates_are_fetched_once_in_their_life(callers, issuer, clock):
    for _ in range(3):
        callers.check(bearer())
    assert len(issuer.asked) == 1
    clock[0] = 601
    callers.check(bearer())
    assert len(issuer.asked) == 2


def test_a_new_key_is_found_before_the_certificates_are_too_old(callers, issuer, clock):
    callers.check(bearer())
    issuer.keys = (OTHER_KEY,)
    clock[0] = 61
    callers.check(bearer(OTHER_KEY))
    assert len(issuer.asked) == 2


def test_forged_tokens_have_certificates_fetched_once_a_minute_at_most(callers, issuer, clock):
    callers.check(bearer())
    clock[0] = 61
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            callers.check(bearer(OTHER_KEY))
    assert len(issuer.asked) == 2


@pytest.mark.parametrize("failure", ["unreachable", "answers 500"])
def test_without_certificates_a_message_is_to_come_again(callers, issuer, failure):
    def unreachable():
        raise TransportError("no route")

    issuer.answer = unreachable if failure == "unreachable" else lambda: Answer(b"", 500)
    with pytest.raises(Unavailable, match=URL):
        callers.check(bearer())


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"keys": []}'])
def test_an_address_without_certificates_is_named(callers, issuer, body):
    issuer.answer = lambda: Answer(body)
    with pytest.raises(InvalidSetting, match=f"QUICKTHUMB_PUSH_CERTS_URL: {URL}"):
        callers.check(bearer())
