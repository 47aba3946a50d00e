import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.parts.front.http1 import Refused
from emulator.parts.front.visitors import Visitors

NAMES = ["127.0.0.1", "localhost", "[::1]"]
PAGE = "https://app.example.com"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("port", ["", ":80", ":65535"])
def test_this_machine_is_called_by_its_own_names_at_any_port(name, port):
    Visitors().check(name + port, None)
    Visitors().check(name + port, f"http://{name}{port}")
    Visitors().check(name + port, f"https://{name}:3000")


@pytest.mark.parametrize(
    "host",
    [
        *("", "evil.test", "evil.test:8080", "localhost.evil.test", "127.0.0.1.nip.io"),
        *("127.0.0.2", "127.1", "2130706433", "0", "[::]", "localhost:", "localhost:80:80"),
        *("localhost@evil.test", "evil.test#localhost", "localhost\n", " localhost", "[::1"),
    ],
)
def test_another_host_name_is_refused(host):
    with pytest.raises(Refused, match=r"expected 127\.0\.0\.1"):
        Visitors([PAGE]).check(host, None)


@pytest.mark.parametrize(
    "origin",
    [
        *(
            "null",
            "",
            "http://evil.test",
            "https://evil.test:3000",
            "file://",
            "http://localhost.evil",
        ),
        *("http://127.0.0.1.evil.test", "http://evil.test/http://localhost", "ftp://localhost"),
        *("chrome-extension://abc", "http://localhost/", "http://LOCALHOST", "http://127.0.0.2"),
        *("http://localhost http://evil.test", "*", "https://app.example.com.evil.test"),
    ],
)
def test_pages_of_the_internet_are_not_let_in_and_told_what_to_set(origin):
    with pytest.raises(Refused, match="QUICKTHUMB_CORS_ORIGINS"):
        Visitors([PAGE]).check("localhost", origin)


def test_origins_that_the_setting_names_are_let_in():
    visitors = Visitors.of({"QUICKTHUMB_CORS_ORIGINS": f"{PAGE}, http://b.example:3000"})
    visitors.check("localhost:1", PAGE)
    visitors.check("localhost:1", "http://b.example:3000")
    assert visitors.origins == ["http://b.example:3000", PAGE]
    with pytest.raises(Refused):
        visitors.check("localhost:1", "http://b.example:3001")


@pytest.mark.parametrize("text", ["", "*", " * ", ",", "*,"])
def test_a_setting_for_all_pages_is_one_of_the_api_alone(text):
    visitors = Visitors.of({"QUICKTHUMB_CORS_ORIGINS": text})
    assert visitors.origins == []
    with pytest.raises(Refused):
        visitors.check("localhost", "https://evil.test")


@given(st.text())
def test_any_other_host_name_is_refused(text):
    if text.lower().partition(":")[0] in ("localhost", "127.0.0.1") or text.startswith("[::1]"):
        return
    with pytest.raises(Refused):
        Visitors().check_host(text)
    assert not Visitors().welcome(f"http://{text}")


def test_what_is_refused_is_repeated_only_in_part():
    with pytest.raises(Refused) as error:
        Visitors().check("localhost", "x" * 100_000)
    assert len(str(error.value)) < 600
