"""Servers on this machine are reached without the proxy that the environment names."""

import urllib.request

import pytest

from emulator.proxies import pass_by

HERE = "127.0.0.1,localhost,::1"


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"])
def test_whoever_has_a_proxy_passes_it_by_for_this_machine(name):
    environment = {name: "http://proxy.example:3128"}
    pass_by(environment)
    assert environment["no_proxy"] == environment["NO_PROXY"] == HERE


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_exceptions_that_were_made_already_stay(name):
    environment = {"http_proxy": "http://proxy.example:3128", name: "intra.example, localhost"}
    pass_by(environment)
    assert environment["no_proxy"] == environment["NO_PROXY"]
    assert environment["no_proxy"] == "intra.example,localhost,127.0.0.1,::1"


@pytest.mark.parametrize(
    "environment",
    [{}, {"http_proxy": ""}, {"http_proxy": "http://proxy.example:3128", "no_proxy": "*"}],
    ids=["no proxy", "an empty one", "never used"],
)
def test_nothing_else_is_changed(environment):
    before = dict(environment)
    pass_by(environment)
    assert environment == before


def test_python_understands_the_exceptions(monkeypatch):
    environment = {"http_proxy": "http://proxy.example:3128"}
    pass_by(environment)
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    assert urllib.request.proxy_bypass("127.0.0.1:8080")
    assert not urllib.request.proxy_bypass("storage.googleapis.com")
