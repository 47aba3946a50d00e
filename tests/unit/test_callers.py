"""Authentication of callers, with tokens like the broker's and an issuer over HTTP."""

import base64
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt
from google.auth.transport.requests import Request
from hypothesis import given
from hypothesis import strategies as st

from emulator.ports import free_port
from emulator.pubsub.doors.signing import SigningKey
from quickthumb.callers import Callers, key_of
from quickthumb.problems import InvalidSetting, Unauthenticated, Unavailable, WrongCaller
from tests.issuer import ACCOUNT, AUDIENCE, bearer, issuing

KEY, OTHER_KEY = SigningKey(None), SigningKey(None)
DAY = 24 * 3600


@pytest.fixture
def issuer():
    with issuing(KEY) as issuer:
        yield issuer


@pytest.fixture(scope="module")
def lasting():
    """One for many examples."""
    with issuing(KEY) as issuer:
        yield Callers(AUDIENCE, issuer.url, ACCOUNT, 10, Request())


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def callers(issuer, clock) -> Callers:
    return Callers(AUDIENCE, issuer.url, ACCOUNT, 10, Request(), lambda: clock[0])


def refused(callers, header) -> bool:
    try:
        callers.check(header)
    except Unauthenticated:
        return True
    return False


def test_the_token_of_a_push_lets_it_through(callers):
    callers.check(bearer(KEY))
    callers.check(bearer(KEY).replace("Bearer", "bearer"))


def test_any_account_is_accepted_if_none_is_configured(issuer):
    callers = Callers(AUDIENCE, issuer.url, None, 10, Request())
    callers.check(bearer(KEY, email="someone@else.example"))


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz"])
def test_a_call_without_a_token_is_told_what_is_missing(callers, issuer, header):
    with pytest.raises(Unauthenticated, match=r"no token: expected .* audience 'https://resize"):
        callers.check(header)
    assert issuer.asked == 0


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "https://another.example"}, "audience"),
        ({"exp": -60, "iat": -3660}, "expired"),
        ({"iat": 600, "exp": 3600}, "early"),
        ({"iss": "https://issuer.example"}, "issued by 'https://issuer.example', not by Google"),
    ],
    ids=["another audience", "expired", "from the future", "another issuer"],
)
def test_an_invalid_token_is_refused(callers, claims, reason):
    now = int(time.time())
    said = {
        name: now + value if name in ("iat", "exp") else value for name, value in claims.items()
    }
    with pytest.raises(Unauthenticated, match=reason) as refusal:
        callers.check(bearer(KEY, **said))
    assert not isinstance(refusal.value, WrongCaller)


def test_a_token_by_a_key_that_nobody_published_is_refused(callers):
    with pytest.raises(Unauthenticated, match="unknown key"):
        callers.check(bearer(OTHER_KEY))


def test_a_token_whose_claims_were_changed_is_refused(callers):
    head, _, signature = bearer(KEY).split(".")
    _, claims, _ = bearer(KEY, sub="2").split(".")
    with pytest.raises(Unauthenticated, match="signature"):
        callers.check(f"{head}.{claims}.{signature}")


def test_a_token_that_names_the_key_of_another_is_refused(callers):
    forged = SigningKey(None)
    forged.__dict__["_key"] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    forged.__dict__["_id"] = next(iter(KEY.public_keys()))
    with pytest.raises(Unauthenticated, match="signature"):
        callers.check(bearer(forged))


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"email": "me@else.example"}, "belongs to 'me@else.example': expected 'push@"),
        ({"email_verified": False}, "belongs to 'no verified account': expected 'push@"),
    ],
)
def test_a_token_of_somebody_else_is_forbidden(callers, claims, told):
    with pytest.raises(WrongCaller, match=told):
        callers.check(bearer(KEY, **claims))


# A token is verified once, for as long as it is valid.


def test_a_token_that_was_verified_expires_nevertheless(callers, monkeypatch):
    header = bearer(KEY)
    callers.check(header)
    later = time.time() + 3600 + 11
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(Unauthenticated, match="expired"):
        callers.check(header)


def test_the_signature_of_a_repeated_token_is_verified_once(callers, monkeypatch):
    seen = []
    decode = jwt.decode
    monkeypatch.setattr(jwt, "decode", lambda *given: seen.append(given) or decode(*given))
    header = bearer(KEY)
    for _ in range(3):
        callers.check(header)
    assert len(seen) == 1


def test_a_refused_token_is_refused_again(callers):
    forged = bearer(KEY, aud="https://another.example")
    assert refused(callers, forged)
    assert refused(callers, forged)


# What cannot be a token costs no request.


def segment(value) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


CLAIMS, SIGNATURE = segment({"aud": AUDIENCE}), segment(b"\x01" * 256)
GOOD_HEADER = {"alg": "RS256", "kid": "1"}
KNOWN_HEADER = {"alg": "RS256", "kid": next(iter(KEY.public_keys()))}


@pytest.mark.parametrize(
    "token",
    [
        "nonsense",
        "a.b",
        "a.b.c.d",
        f"{segment(GOOD_HEADER)}.{CLAIMS}.",
        f"{segment(GOOD_HEADER)}.{CLAIMS}.+/==",
        f"{segment(GOOD_HEADER)}.{CLAIMS}.{SIGNATURE}\u00e9",
        f"{segment(GOOD_HEADER)}.{CLAIMS}.{SIGNATURE * 40}",
        f"{segment(b'no JSON')}.{CLAIMS}.{SIGNATURE}",
        f"{segment(b'[' * 5000)}.{CLAIMS}.{SIGNATURE}",
        f"{segment([])}.{CLAIMS}.{SIGNATURE}",
        f"{segment({'kid': '1'})}.{CLAIMS}.{SIGNATURE}",
        f"{segment({'alg': 'none', 'kid': '1'})}.{CLAIMS}.{SIGNATURE}",
        f"{segment({'alg': 'HS256', 'kid': '1'})}.{CLAIMS}.{SIGNATURE}",
        f"{segment({'alg': 'ES256', 'kid': '1'})}.{CLAIMS}.{SIGNATURE}",
        f"{segment({'alg': ['RS256'], 'kid': '1'})}.{CLAIMS}.{SIGNATURE}",
        f"{segment({'alg': 'RS256'})}.{CLAIMS}.{SIGNATURE}",
        f"{segment({'alg': 'RS256', 'kid': ''})}.{CLAIMS}.{SIGNATURE}",
        f"{segment({'alg': 'RS256', 'kid': {}})}.{CLAIMS}.{SIGNATURE}",
    ],
)
def test_a_malformed_token_is_refused_without_fetching_certificates(callers, issuer, token):
    with pytest.raises(Unauthenticated):
        callers.check(f"Bearer {token}")
    assert issuer.asked == 0


@given(st.text(max_size=300) | st.from_regex(r"[A-Za-z0-9_-]{0,80}(\.[A-Za-z0-9_-]{0,80}){2}"))
def test_any_invalid_token_is_refused(text):
    with pytest.raises(Unauthenticated):
        key_of(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    ),
    st.binary(min_size=1, max_size=300),
)
def test_whatever_a_forged_token_claims_it_is_refused(lasting, claims, signature):
    token = ".".join(map(segment, (KNOWN_HEADER, claims, signature)))
    with pytest.raises(Unauthenticated):
        lasting.check(f"Bearer {token}")


def test_claims_nested_deeply_are_refused(callers):
    with pytest.raises(Unauthenticated):
        callers.check(f"Bearer {segment(KNOWN_HEADER)}.{segment(b'[' * 5000)}.{SIGNATURE}")


# When certificates are fetched, and what happens while they are not to be had.


def test_certificates_are_fetched_once_in_their_life(callers, issuer, clock):
    for _ in range(3):
        callers.check(bearer(KEY))
    assert issuer.asked == 1
    clock[0] = 601
    callers.check(bearer(KEY))
    assert issuer.asked == 2


def test_a_new_key_is_found_before_the_certificates_are_too_old(callers, issuer, clock):
    callers.check(bearer(KEY))
    issuer.keys = (OTHER_KEY,)
    clock[0] = 61
    callers.check(bearer(OTHER_KEY))
    assert issuer.asked == 2


def test_unknown_keys_have_certificates_fetched_once_a_minute_at_most(callers, issuer, clock):
    callers.check(bearer(KEY))
    for clock[0] in (30, 61, 62, 90, 120):
        with pytest.raises(Unauthenticated):
            callers.check(bearer(OTHER_KEY))
    assert issuer.asked == 2


@pytest.mark.parametrize("seconds", [61, 601, 600 + DAY - 1])
def test_a_garbage_token_does_not_affect_valid_ones_during_an_outage_of_the_issuer(
    callers, issuer, clock, seconds
):
    callers.check(bearer(KEY))
    clock[0] = seconds
    issuer.status = 500
    with pytest.raises(Unavailable, match="status 500"):
        callers.check(bearer(OTHER_KEY))  # it may be of a key that is new
    callers.check(bearer(KEY))


def test_certificates_expire(callers, issuer, clock):
    callers.check(bearer(KEY))
    clock[0] = 600 + DAY
    issuer.status = 500
    with pytest.raises(Unavailable):
        callers.check(bearer(KEY))
    issuer.status = 200
    clock[0] += 5
    callers.check(bearer(KEY))


def test_a_key_that_the_issuer_has_withdrawn_no_longer_counts(callers, issuer, clock):
    callers.check(bearer(KEY))
    issuer.keys = (OTHER_KEY,)
    clock[0] = 601
    assert not refused(callers, bearer(OTHER_KEY))
    assert refused(callers, bearer(KEY))


def test_an_unavailable_issuer_is_not_requested_with_every_call(callers, issuer, clock):
    issuer.status = 500
    for clock[0] in (0, 1, 2, 4):
        with pytest.raises(Unavailable):
            callers.check(bearer(KEY))
    assert issuer.asked == 1
    issuer.status = 200
    clock[0] = 5
    callers.check(bearer(KEY))
    assert issuer.asked == 2


def test_without_certificates_a_message_is_redelivered():
    address = f"http://127.0.0.1:{free_port()}/certs"
    callers = Callers(AUDIENCE, address, ACCOUNT, 10, Request())
    with pytest.raises(Unavailable, match=f"Token certificates, {address}"):
        callers.check(bearer(KEY))


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"keys": []}', b'{"1": "pem"}'])
def test_an_address_without_certificates_is_named(callers, issuer, body):
    issuer.body = body
    with pytest.raises(InvalidSetting, match=f"QUICKTHUMB_PUSH_CERTS_URL: {issuer.url}"):
        callers.check(bearer(KEY))


def test_an_invalid_response_of_the_issuer_does_not_affect_valid_tokens(callers, issuer, clock):
    callers.check(bearer(KEY))
    issuer.body = b"<html>"
    clock[0] = 601
    callers.check(bearer(KEY))
    assert issuer.asked == 2


# Many threads.


@pytest.fixture
def pool():
    with ThreadPoolExecutor(32) as pool:
        yield pool


def test_however_many_wait_for_the_first_certificates_they_are_fetched_once(callers, issuer, pool):
    issuer.open.clear()
    header = bearer(KEY)
    checks = [pool.submit(callers.check, header) for _ in range(32)]
    issuer.wait_until_asked(1)
    assert not any(check.done() for check in checks)
    issuer.open.set()
    for check in checks:
        check.result(60)
    assert issuer.asked == 1


def test_however_many_wait_a_failure_is_shared_too(callers, issuer, pool):
    issuer.open.clear()
    issuer.status = 500
    header = bearer(KEY)
    checks = [pool.submit(callers.check, header) for _ in range(32)]
    issuer.wait_until_asked(1)
    issuer.open.set()
    for check in checks:
        with pytest.raises(Unavailable):
            check.result(60)
    assert issuer.asked == 1


def test_other_threads_use_known_certificates_during_a_fetch(callers, issuer, clock, pool):
    header = bearer(KEY)
    callers.check(header)
    clock[0] = 601
    issuer.open.clear()
    first = pool.submit(callers.check, header)
    issuer.wait_until_asked(2)
    for _ in range(100):
        callers.check(header)  # of a known key: waits for nobody
    assert not first.done()
    issuer.open.set()
    first.result(60)
    assert issuer.asked == 2


def test_garbage_tokens_in_a_stampede_cost_one_request_and_no_good_token(
    callers, issuer, clock, pool
):
    good, garbage = bearer(KEY), bearer(OTHER_KEY)
    callers.check(good)
    clock[0] = 61
    issuer.open.clear()
    start = threading.Barrier(31)

    def storm():
        start.wait(60)
        return [refused(callers, garbage) for _ in range(20)]

    storms = [pool.submit(storm) for _ in range(31)]
    issuer.wait_until_asked(2)
    for _ in range(100):
        callers.check(good)
    issuer.open.set()
    assert all(all(storm.result(60)) for storm in storms)
    assert issuer.asked == 2
