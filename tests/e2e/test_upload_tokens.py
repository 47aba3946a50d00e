"""Upload tokens and quotas, counted by several processes that share nothing but storage."""

import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest
import requests

from emulator.cloud import Cloud
from emulator.console import Console
from emulator.topology_file import read_topology
from tests.pictures import picture

KEY, OTHER = "a key for these tests alone", "another key for these tests alone"
QUOTA = 40


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """Return the URL of a service with three processes, and a quota for each key."""
    with pytest.MonkeyPatch.context() as patch:
        hashes = [sha256(key.encode()).hexdigest() for key in (KEY, OTHER)]
        patch.setenv("QUICKTHUMB_API_KEYS", ",".join(hashes))
        patch.setenv("QUICKTHUMB_TOKEN_SECRETS", "a secret for these tests alone: " + "x" * 20)
        patch.setenv("QUICKTHUMB_KEY_UPLOADS_PER_MINUTE", str(QUOTA))
        data = tmp_path_factory.mktemp("cloud") / "data"
        with Cloud(read_topology(), data, Console(), instances={"upload": 3}) as cloud:
            yield cloud.addresses.upload


def granted(url, key, **grant):
    answer = requests.post(f"{url}/tokens", json=grant, headers={"X-API-Key": key}, timeout=30)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def together(url, headers, pictures):
    """Upload pictures at once, each over a connection of its own."""
    with ThreadPoolExecutor(12) as pool:
        return list(
            pool.map(
                lambda data: requests.post(url, data=data, headers=headers, timeout=60), pictures
            )
        )


@pytest.mark.parametrize("uses", [1, 4])
def test_a_token_is_used_as_often_as_it_says_by_all_processes_together(url, uses):
    headers = granted(url, KEY, uses=uses)
    answers = together(url, headers, [picture(10 + n, 8) for n in range(12)])
    codes = [answer.json().get("code") for answer in answers]
    assert (codes.count(None), codes.count("token-exhausted")) == (uses, 12 - uses)


def test_one_request_sent_many_times_at_once_is_one_upload(url):
    headers = granted(url, KEY)
    answers = together(url, headers, [picture(31, 8)] * 12)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_processes_together_do_not_exceed_a_quota(url):
    first = time.time() // 60
    answers = together(url, {"X-API-Key": OTHER}, [picture(8, 8)] * (3 * QUOTA))
    minutes = time.time() // 60 - first + 1
    refused = [answer for answer in answers if answer.status_code == 429]
    accepted = sum(answer.status_code == 202 for answer in answers)
    assert accepted + len(refused) == len(answers)
    # Each of the other processes may hold the rest of a block.
    assert QUOTA - 2 * QUOTA // 10 <= accepted <= minutes * QUOTA
    assert all(1 <= int(answer.headers["Retry-After"]) <= 60 for answer in refused)
