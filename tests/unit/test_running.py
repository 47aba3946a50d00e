import subprocess
import sys

import pytest

from emulator.errors import AlreadyRunning, Unwritable
from emulator.parts.tokens import PushToken
from emulator.running import Addresses, announced, find, only_one

ADDRESSES = Addresses(
    {"upload": "http://127.0.0.1:1"},
    "http://127.0.0.1:2",
    "127.0.0.1:4",
    "127.0.0.1:6",
    "http://127.0.0.1:5/certs",
    {"resize": PushToken("push@p.example", "me")},
)


def test_a_running_cloud_is_found_by_its_data_folder(tmp_path):
    with only_one(tmp_path), announced(tmp_path, ADDRESSES):
        assert find(tmp_path) == ADDRESSES
        assert find(tmp_path / "other") is None
    assert find(tmp_path) is None


def test_a_cloud_that_is_still_starting_is_not_found(tmp_path):
    with only_one(tmp_path):
        assert find(tmp_path) is None


def test_a_data_folder_has_one_cloud(tmp_path):
    with only_one(tmp_path), pytest.raises(AlreadyRunning, match="--data"), only_one(tmp_path):
        pass


def test_what_a_killed_cloud_left_behind_is_not_taken_for_running(tmp_path):
    code = f"""
import os, sys; sys.path[:0] = {sys.path!r}
from pathlib import Path
from emulator.running import announced, only_one
from tests.unit.test_running import ADDRESSES
folder = Path({str(tmp_path)!r})
with only_one(folder), announced(folder, ADDRESSES):
    os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    assert (tmp_path / "addresses.json").exists()
    assert find(tmp_path) is None
    with only_one(tmp_path), announced(tmp_path, ADDRESSES):
        assert find(tmp_path) == ADDRESSES


def test_a_lock_that_belongs_to_somebody_else_is_told(tmp_path):
    (tmp_path / "lock").mkdir()
    with pytest.raises(Unwritable, match="lock: Is a directory"), only_one(tmp_path):
        pass
    with pytest.raises(Unwritable):
        find(tmp_path)
