"""Thumbnails that are made on demand, through real processes."""

import io
import json
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from emulator.bootstrap import ROOT
from emulator.cloud import Cloud
from emulator.console import Console
from emulator.topology_file import read_topology
from quickthumb.api.signatures import sign
from tests.documents import commands
from tests.pictures import picture, size_of

KEY = "a-key-of-the-service-that-is-long-enough"
AT_ONCE = 50
DOCUMENT = ROOT / "docs" / "sizes.md"
PAGE = DOCUMENT.read_text()


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


@pytest.mark.parametrize("language", ["python", "js"])
def test_the_documents_programs_sign_addresses(url, id, language, tmp_path):
    [code] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    program = tmp_path / {"python": "sign.py", "js": "sign.mjs"}[language]
    program.write_text(code)
    runner = {"python": sys.executable, "js": shutil.which("node")}[language]
    if runner is None:
        pytest.skip("needs Node.js (Debian: nodejs)")
    options = ["focus=0.5,0.25", "fit=cover", "background=#ffffff"]
    command = [runner, str(program), KEY, f"/{id}/60x40.webp", *options]
    address = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    answer = requests.get(f"{url}{address}&wait=30", timeout=60)
    assert (answer.status_code, size_of(answer.content)) == (200, (60, 40)), answer.text
    expected = sign(KEY, f"/{id}/60x40.webp", [option.split("=") for option in options])
    assert address.endswith(f"&signature={expected}")


def test_the_documents_srcset_names_links_of_its_upload(url):
    [command] = [each.line for each in commands(DOCUMENT) if "format=negotiate" in each.line]
    given = dict(re.findall(r"-F (sizes|format)=(\S+)", command))
    answer = requests.post(url, files={"file": picture(1200, 900)}, data=given, timeout=60)
    [shown] = re.findall(r'srcset="(.*?)"', PAGE)
    for link in (part.split()[0].rpartition("/")[2] for part in shown.split(",")):
        path = answer.json()["links"]["thumbnails"][link]
        assert requests.get(f"{url}{path}?wait=30", timeout=60).status_code == 200


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
