"""Which web pages may use the REST API."""

import pytest

from emulator.pubsub.doors.origins import Origins, is_preflight, preflight, shared

MINE = {"host": "localhost:8085"}


@pytest.mark.parametrize(
    "origin",
    [
        *("http://localhost:3000", "http://localhost", "https://localhost:3000"),
        *("http://127.0.0.1:5173", "http://[::1]:3000", "HTTP://LOCALHOST:3000"),
    ],
)
def test_a_page_of_this_machine_is_allowed(origin):
    headers = {**MINE, "origin": origin}
    assert Origins("127.0.0.1").refusal(headers) is None
    assert ("Access-Control-Allow-Origin", origin) in shared(headers)


@pytest.mark.parametrize(
    "origin",
    [
        *("https://evil.test", "http://localhost.evil.test", "http://evil.test:3000", "null"),
        *("http://localhost:3000.evil.test", "http://127.0.0.1.evil.test", ""),
        *("http://192.168.0.7:3000", "chrome-extension://abc", "http://localhost@evil.test"),
    ],
)
def test_a_page_of_elsewhere_is_refused_and_named(origin):
    reason = Origins("127.0.0.1").refusal({**MINE, "origin": origin})
    assert repr(origin) in reason


def test_others_are_allowed_as_configured():
    origins = Origins("127.0.0.1", ["https://App.example"])
    assert origins.refusal({**MINE, "origin": "https://app.example"}) is None
    assert origins.refusal({**MINE, "origin": "https://app.example:444"})
    assert Origins("127.0.0.1", ["*"]).refusal({**MINE, "origin": "null"}) is None


def test_a_program_has_no_origin_and_is_allowed():
    assert Origins("127.0.0.1").refusal(MINE) is None
    assert shared(MINE) == [("Vary", "Origin")]


@pytest.mark.parametrize("listening", ["127.0.0.1", "::1", "localhost"])
@pytest.mark.parametrize("host", ["evil.test:8085", "", "localhost.evil.test:8085", "10.0.0.1"])
def test_a_name_that_was_pointed_at_this_machine_is_refused(listening, host):
    assert "Host" in Origins(listening).refusal({"host": host})


@pytest.mark.parametrize("host", ["localhost:8085", "127.0.0.1:8085", "[::1]:8085", "LOCALHOST"])
def test_the_names_of_this_machine_are_allowed(host):
    assert Origins("127.0.0.1").refusal({"host": host}) is None


def test_an_address_of_its_own_on_the_loopback_interface_is_allowed():
    assert Origins("127.0.0.5").refusal({"host": "127.0.0.5:8085"}) is None


def test_beyond_this_machine_every_host_is_allowed_but_no_foreign_page():
    origins = Origins("0.0.0.0")  # noqa: S104 - nothing listens
    assert origins.refusal({"host": "pubsub:8085"}) is None
    assert origins.refusal({"host": "pubsub:8085", "origin": "http://evil.test"})


def test_a_preflight_request_is_told_what_is_allowed():
    asked = {
        "origin": "http://localhost:3000",
        "access-control-request-method": "PUT",
        "access-control-request-headers": "authorization,content-type",
        "access-control-request-private-network": "true",
    }
    assert is_preflight("OPTIONS", asked)
    answer = dict(preflight(asked))
    assert "PUT" in answer["Access-Control-Allow-Methods"].split(", ")
    assert answer["Access-Control-Allow-Headers"] == "authorization,content-type"
    assert answer["Access-Control-Allow-Private-Network"] == "true"


def test_other_requests_are_no_preflight():
    assert not is_preflight("OPTIONS", {"origin": "http://localhost"})
    assert not is_preflight("POST", {"access-control-request-method": "PUT"})
