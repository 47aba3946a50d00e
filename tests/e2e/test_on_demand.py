"""Thumbnails that are made on demand, through real processes."""

import io
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from emulator.cloud import Cloud
from emulator.console import Console
from emulator.topology_file import read_topology
from quickthumb.api.signatures import sign
from tests.pictures import picture, size_of

KEY = "a-key-of-the-service-that-is-long-enough"
AT_ONCE = 50


@pytest.fixture(scope="module")
def said():
    """What the functions log."""
    return io.StringIO()


@pytest.fixture(scope="module")
def url(tmp_path_factory, said):
    """A service that makes 120x90 for everybody, and the rest if it is signed."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("QUICKTHUMB_ON_DEMAND", "120x90:cover:negotiate")
        environment.setenv("QUICKTHUMB_SIGNING_KEYS", KEY)
        folder = tmp_path_factory.mktemp("on-demand")
        # Two instances of each: what is made once must not depend on memory they share.
        instances = {"upload": 2, "resize": 2}
        console = Console(verbose=True, out=said)
        with Cloud(read_topology(), folder, console, instances=instances) as cloud:
            yield cloud.addresses.upload


@pytest.fixture
def id(url):
    answer = requests.post(f"{url}/?sizes=32", data=picture(640, 480), timeout=60)
    id = answer.json()["id"]
    assert requests.get(f"{url}/{id}?wait=30", timeout=60).json()["status"] == "done"
    return id


def test_fifty_parallel_requests_get_fifty_pictures_of_one_decode(url, id, said):
    path = f"/{id}/200x150.webp"
    address = f"{url}{path}?signature={sign(KEY, path)}"
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = [pool.submit(requests.get, address, timeout=120) for _ in range(AT_ONCE)]
        answers = [each.result() for each in asked]
    assert [answer.status_code for answer in answers] == [200] * AT_ONCE
    assert {size_of(answer.content) for answer in answers} == {(200, 150)}
    assert len({answer.content for answer in answers}) == 1
    added = [
        line for line in said.getvalue().splitlines() if f"to {id}" in line and "added" in line
    ]
    assert len(added) == 1, added


def test_a_browser_gets_the_format_that_it_names(url, id):
    address = f"{url}/{id}/120x90?fit=cover&format=negotiate"
    kinds = {}
    for accept in ("image/avif,image/webp,*/*", "image/webp,*/*", "*/*"):
        answer = requests.get(address, headers={"Accept": accept}, timeout=60)
        assert (answer.status_code, answer.headers["vary"]) == (200, "Accept")
        kinds[accept] = answer.headers["content-type"]
    assert list(kinds.values()) == ["image/avif", "image/webp", "image/jpeg"]


def test_what_is_not_signed_is_refused(url, id):
    answer = requests.get(f"{url}/{id}/199x150.webp", timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (403, "not-allowed")


def test_many_sizes_at_once_all_end_up_in_one_manifest(url, id):
    sizes = [str(size) for size in range(40, 60)]
    with ThreadPoolExecutor(len(sizes)) as pool:
        asked = [pool.submit(requests.post, f"{url}/{id}?sizes={n}", timeout=60) for n in sizes]
        assert [each.result().status_code for each in asked] == [202] * len(sizes)
        asked = [pool.submit(requests.get, f"{url}/{id}/{n}?wait=30", timeout=60) for n in sizes]
        assert [each.result().status_code for each in asked] == [200] * len(sizes)
    status = json.loads(requests.get(f"{url}/{id}", timeout=60).content)
    assert sorted(status["thumbnails"]) == sorted(["32", *sizes])
