"""The command `sweep`, used to process existing pictures."""

import os
import signal

import pytest
import requests

from emulator.ports import free_port
from tests.e2e.commands import run, up
from tests.pictures import ROCKET

BUCKET = "quickthumb-originals"


def put(storage, name):
    """Put a picture into the bucket as another program does."""
    answer = requests.post(
        f"{storage}/upload/storage/v1/b/{BUCKET}/o",
        params={"uploadType": "media", "name": name},
        data=ROCKET.read_bytes(),
        headers={"Content-Type": "image/jpeg"},
        timeout=30,
    )
    answer.raise_for_status()


def test_pictures_without_a_notification_are_done_by_a_sweep(tmp_path):
    with up(tmp_path, "--port", free_port()) as cloud:
        url, storage, data = cloud.url("upload"), cloud.url("storage"), tmp_path / "data"
        ids = [f"{number:032x}" for number in range(3)]
        for id in ids:
            put(storage, id)  # not behind `incoming/`: storage tells nobody
        rehearsal = run("sweep", "--data", data, "--older-than", 0, "--dry-run")
        assert rehearsal.returncode == 0, rehearsal.stderr
        assert "3 published again" in rehearsal.stdout
        assert requests.get(f"{url}/{ids[0]}", timeout=30).json()["status"] == "queued"
        assert "3 not due yet" in run("sweep", "--data", data).stdout
        swept = run("sweep", "--data", data, "--older-than", 0)
        assert "3 originals seen, 0 not due yet, 3 published again" in swept.stdout
        for id in ids:
            answer = requests.get(f"{url}/{id}", params={"wait": 30}, timeout=60)
            assert answer.json()["status"] == "done"
        again = run("sweep", "--data", data, "--older-than", 0)
        assert "0 published again" in again.stdout
        cloud.stop(signal.SIGINT)


@pytest.mark.skipif(not hasattr(os, "removexattr"), reason="needs attributes of files, as on Linux")
def test_a_blob_without_metadata_does_not_block_others(tmp_path):
    with up(tmp_path, "--port", free_port()) as cloud:
        url, storage, data = cloud.url("upload"), cloud.url("storage"), tmp_path / "data"
        ids = [f"{number:032x}" for number in range(3)]
        for id in ids:
            put(storage, id)
        [file] = data.rglob(f"{BUCKET}/{ids[1]}")
        os.removexattr(file, "user.metadata")
        listing = requests.get(f"{storage}/storage/v1/b/{BUCKET}/o", timeout=30)
        assert not listing.ok  # or else there is nothing to come past
        swept = run("sweep", "--data", data, "--older-than", 0)
        assert "2 published again" in swept.stdout, swept.stdout + swept.stderr
        assert "1 unreadable" in swept.stdout
        for id in (ids[0], ids[2]):
            answer = requests.get(f"{url}/{id}", params={"wait": 30}, timeout=60)
            assert answer.json()["status"] == "done"
        cloud.stop(signal.SIGINT)


def test_without_up_it_says_what_to_start(tmp_path):
    result = run("sweep", "--data", tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert "python3 -m emulator up" in result.stderr


def test_an_invalid_age_is_reported(tmp_path):
    result = run("sweep", "--data", tmp_path, "--older-than", "1h")
    assert result.returncode == 2
    assert "'1h': expected whole seconds" in result.stderr
