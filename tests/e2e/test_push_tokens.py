"""Functions that authenticate their callers."""

import pytest
import requests

from emulator.cloud import Cloud
from emulator.console import Console
from emulator.errors import NoTokens
from emulator.ports import answers
from emulator.topology_file import read_topology
from tests.conformance.endpoint import eventually
from tests.pictures import picture

MESSAGE = {"data": "e30=", "messageId": "1", "publishTime": "2026-01-01T00:00:00Z"}


@pytest.fixture
def cloud(tmp_path, monkeypatch):
    monkeypatch.setenv("QUICKTHUMB_PUSH_AUDIENCE", "https://resize.example")
    monkeypatch.setenv("QUICKTHUMB_PUSH_ACCOUNT", "push@quickthumb.iam.gserviceaccount.com")
    with Cloud(read_topology(), tmp_path, Console()) as cloud:
        yield cloud


def test_pictures_are_made_and_calls_of_others_are_turned_away(cloud):
    url = cloud.addresses.upload
    answer = requests.post(url, files={"file": ("cat.jpg", picture())}, timeout=20)
    status = requests.get(f"{url}/{answer.json()['id']}?wait=30", timeout=40).json()
    assert status["status"] == "done"
    for function in ("resize", "bury", "sweep"):
        url = cloud.addresses.functions[function]
        port = int(url.rpartition(":")[2])
        eventually(lambda port=port: answers(port))  # nobody waited for `bury` and `sweep`
        body = {"message": MESSAGE, "subscription": "projects/p/subscriptions/s"}
        for headers in ({}, {"Authorization": "Bearer forged.to.ken"}):
            answer = requests.post(url, json=body, headers=headers, timeout=20)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert "token" in answer.text
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
            assert answer.headers["x-content-type-options"] == "nosniff"


def test_tokens_are_refused_with_googles_emulator(tmp_path, monkeypatch):
    monkeypatch.setenv("QUICKTHUMB_PUSH_AUDIENCE", "https://resize.example")
    with pytest.raises(NoTokens, match="--pubsub embedded"):
        Cloud(read_topology(), tmp_path, Console(), broker="official")
