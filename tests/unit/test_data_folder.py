"""The data folder: its owner, its permissions, and links in it."""

import os
import socket
import subprocess
import sys

import pytest

from emulator import data_folder
from emulator.bootstrap import ROOT
from emulator.data_folder import METADATA, make, secure, set_aside
from emulator.errors import InvalidOption, StorageUnusable, Unsafe
from emulator.parts.storage import METADATA_BYTES, OVERHEAD_BYTES, storage_parts
from emulator.ports import free_port
from quickthumb.documents import notes
from tests import needs
from tests.disks import ext4, mounted
from tests.storage import serving

pytestmark = needs.posix("owners, modes, links")
NOBODY = 65534


def mode(path):
    return path.lstat().st_mode & 0o777


def need_root():
    if os.geteuid() != 0:
        pytest.skip("needs root, to give files to somebody else")


@pytest.fixture
def data(tmp_path):
    """Give a data folder as an older version has left it."""
    folder = tmp_path / "data"
    for path in ("storage/bucket/id", "pubsub", "sessions"):
        (folder / path).mkdir(parents=True)
    for path in ("lock", "storage/bucket/id/256.jpg", "pubsub/pubsub.sqlite3"):
        (folder / path).touch(mode=0o644)
    return folder


def test_a_folder_that_is_made_is_for_the_user_alone(tmp_path):
    make(tmp_path / "a" / "data")
    assert mode(tmp_path / "a" / "data") == 0o700


def test_what_others_could_read_is_narrowed(data):
    data.chmod(0o755)
    secure(data)
    everything = [data, *data.rglob("*")]
    assert len(everything) == 9
    assert {mode(path) for path in everything if path.is_dir()} == {0o700}
    assert {mode(path) for path in everything if path.is_file()} == {0o600}
    secure(data)  # also the second time


def test_other_files_in_the_folder_are_left_alone(data):
    """Somebody may name a folder that has other things in it, such as their home."""
    (data / "thesis").mkdir(mode=0o755)
    (data / "thesis" / "link").symlink_to("/")
    data.chmod(0o755)
    secure(data)
    assert (mode(data), mode(data / "thesis"), mode(data / "storage")) == (0o755, 0o755, 0o700)


@pytest.mark.parametrize(
    ("place", "target"),
    [
        ("storage/bucket/passwd", "/etc/passwd"),
        ("storage/elsewhere", "/etc"),
        ("storage/bucket/loop", "loop"),
        ("storage/bucket/dangling", "no such file"),
        ("pubsub/signing-key.pem", "/etc/passwd"),
        ("sessions/x.json", "../lock"),
        ("addresses.json", "/etc/passwd"),
    ],
)
def test_a_link_out_of_the_folder_is_reported_with_a_remedy(data, place, target):
    (data / place).symlink_to(target)
    with pytest.raises(Unsafe) as error:
        secure(data)
    assert str(data / place) in str(error.value)
    assert f"symbolic link to {target}" in str(error.value)
    assert "--data" in str(error.value)


@pytest.mark.parametrize("place", ["storage", "pubsub"])
def test_a_folder_of_ours_that_is_a_link_is_told(data, tmp_path, place):
    (data / place).rename(tmp_path / "moved")
    (data / place).symlink_to(tmp_path / "moved")
    before = mode(tmp_path / "moved")
    with pytest.raises(Unsafe, match="symbolic link"):
        secure(data)
    assert mode(tmp_path / "moved") == before


def test_the_data_folder_itself_may_be_a_link(data, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(data)
    make(link)
    secure(link)
    assert mode(data / "storage") == 0o700


def test_what_is_neither_file_nor_folder_is_told(data):
    os.mkfifo(data / "storage" / "bucket" / "pipe")
    with pytest.raises(Unsafe, match="neither a file nor a folder"):
        secure(data)
    (data / "storage" / "bucket" / "pipe").unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(data / "storage" / "s"))
        with pytest.raises(Unsafe, match="neither a file nor a folder"):
            secure(data)


def test_a_folder_of_somebody_else_is_told(tmp_path):
    need_root()
    (tmp_path / "data").mkdir()
    os.chown(tmp_path / "data", NOBODY, NOBODY)
    with pytest.raises(Unsafe, match=r"belongs to nobody, and you are root.*chown"):
        make(tmp_path / "data")


def test_a_link_that_somebody_else_has_laid_is_told(data, tmp_path):
    need_root()
    (tmp_path / "link").symlink_to(data)
    os.chown(tmp_path / "link", NOBODY, NOBODY, follow_symlinks=False)
    with pytest.raises(Unsafe, match="belongs to nobody"):
        make(tmp_path / "link")


def test_a_file_of_somebody_else_is_told(data):
    need_root()
    os.chown(data / "storage" / "bucket" / "id" / "256.jpg", NOBODY, NOBODY)
    with pytest.raises(Unsafe, match=r"256\.jpg belongs to nobody"):
        secure(data)


def test_a_user_without_a_name_is_told_by_number(tmp_path):
    need_root()
    os.chown(tmp_path, 4_000_001, -1)
    with pytest.raises(Unsafe, match="the user 4000001"):
        make(tmp_path)


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InvalidOption, match=r"--data .*/file: File exists"):
        make(tmp_path / "file")


def test_a_link_to_nowhere_is_told(tmp_path):
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(InvalidOption, match="File exists"):
        make(tmp_path / "link")


def test_up_refuses_a_dangerous_folder_in_a_sentence(data):
    (data / "storage" / "bucket" / "passwd").symlink_to("/etc/passwd")
    options = ["--data", str(data), "--port", str(free_port())]
    command = [sys.executable, "-m", "emulator.cli", "up", *options]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith(f"{data}/storage/bucket/passwd is a symbolic link to")
    assert "Traceback" not in result.stderr


# What the storage server makes, and cannot read.


@needs.linux("extended attributes")
def test_files_that_the_server_cannot_read_are_set_aside_before_it_starts(tmp_path):
    import requests

    with serving(tmp_path) as storage:
        requests.post(storage.uploads("a/kept"), data=b"kept", timeout=20)
    bucket = tmp_path / "storage" / "unit-test"
    (bucket / "a" / "broken").write_bytes(b"broken")
    with serving(tmp_path) as storage:
        listed = requests.get(storage.listing, timeout=20).json()["items"]
        assert [blob["name"] for blob in listed] == ["a/kept"]
        [aside] = (tmp_path / "set-aside").rglob("broken")
        assert aside.read_bytes() == b"broken"
        assert "a/broken has no metadata" in storage.log.getvalue()
        assert str(aside) in storage.log.getvalue()
    assert {mode(path) for path in bucket.rglob("*") if path.is_file()} == {0o600}
    secure(tmp_path)


def test_there_is_nothing_to_set_aside_before_the_first_start(tmp_path):
    assert set_aside(tmp_path, tmp_path / "storage") == []


@needs.linux("extended attributes")
def test_a_file_system_that_keeps_too_little_metadata_is_told(tmp_path):
    with ext4(tmp_path / "image", tmp_path / "disk", block=1024) as folder:
        os.setxattr(folder, METADATA, b"x")  # it has attributes, and small ones
        with pytest.raises(StorageUnusable, match=r"4,036 bytes.*ext4 with blocks of 4 KiB"):
            storage_parts(folder, 1, ())
    with ext4(tmp_path / "image", tmp_path / "disk", block=4096) as folder:
        assert storage_parts(folder, 1, ())


@needs.linux("extended attributes")
def test_a_file_system_without_attributes_is_told(tmp_path):
    with (
        mounted(tmp_path / "disk", "-t", "ramfs", "ramfs") as folder,
        pytest.raises(StorageUnusable, match=r"choose a file system that supports them"),
    ):
        storage_parts(folder, 1, ())


def test_a_blob_can_have_as_much_metadata_as_the_functions_write():
    assert METADATA_BYTES >= notes.MAX_BYTES


@needs.linux("extended attributes")
@pytest.mark.parametrize("character", ["a", '"', "<", "é", "\u2028", "\x01"])
def test_as_much_metadata_as_a_blob_may_have_fits_into_what_is_asked_for(tmp_path, character):
    """The bound is of names and values as Go writes them in JSON, which escapes more than ours."""
    import json

    import requests

    written = {'"': 2, "<": 6, "é": 2, "\u2028": 6, "\x01": 6}.get(character, 1)
    name = "filename"
    value = character * ((METADATA_BYTES - len('{"":""}') - len(name)) // written)
    resource = {"name": "blob", "metadata": {name: value}, "cacheControl": "c" * 100}
    body = "\r\n".join(
        [
            *("--B", "Content-Type: application/json; charset=UTF-8", "", json.dumps(resource)),
            *("--B", f"Content-Type: image/{'x' * 90}", "", "bytes", "--B--", ""),
        ]
    )
    with serving(tmp_path) as storage:
        answer = requests.post(
            f"{storage.url}/upload/storage/v1/b/unit-test/o?uploadType=multipart",
            data=body.encode(),
            headers={"Content-Type": "multipart/related; boundary=B"},
            timeout=20,
        )
        assert answer.ok, answer.text
        assert requests.get(storage.blob("blob"), timeout=20).json()["metadata"] == {name: value}
    attribute = os.getxattr(tmp_path / "storage" / "unit-test" / "blob", METADATA)
    assert METADATA_BYTES < len(attribute) <= METADATA_BYTES + OVERHEAD_BYTES
    assert data_folder.has_metadata(tmp_path / "storage" / "unit-test" / "blob")
