"""What the functions rely on in a bucket.

Of the one in memory and of ours, and for reference of one that uses google-cloud-storage.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from quickthumb import json_api
from quickthumb.documents.names import new_id
from quickthumb.problems import Unavailable
from quickthumb.storage import CloudBucket
from tests.doubles import MemoryBucket


@pytest.fixture(params=["memory", "cloud", "library"])
def bucket(request, open_bucket):
    return open_bucket(request.param)


@pytest.fixture
def name():
    return new_id()


def test_a_created_blob_is_read_back(bucket, name):
    generation = bucket.create(name, b"bytes", "image/png", {"filename": "Kätzchen.png"})
    assert bucket.read(name) == b"bytes"
    assert bucket.read(name, generation) == b"bytes"
    blob = bucket.stat(name)
    assert (blob.name, blob.size, blob.content_type) == (name, 5, "image/png")
    assert blob.generation == generation
    assert blob.metadata == {"filename": "Kätzchen.png"}


def test_a_blob_is_created_once(bucket, name):
    assert bucket.create(name, b"first", "image/png", {})
    assert bucket.create(name, b"second", "image/png", {}) is None
    assert bucket.read(name) == b"first"


def test_another_generation_of_a_blob_is_not_there(bucket, name):
    generation = bucket.create(name, b"bytes", "image/png", {})
    assert bucket.read(name, generation + 1) is None


def test_a_large_blob_is_read_back(bucket, name):
    data = bytes(range(256)) * 40_000  # above 8 MB the client sends it in a session
    assert bucket.create(name, data, "image/png", {})
    assert bucket.read(name) == data


def test_an_empty_blob_is_there(bucket, name):
    bucket.write(name, b"", "text/plain", "no-cache")
    assert bucket.read(name) == b""


def test_a_written_blob_replaces_the_one_before(bucket, name):
    bucket.write(name, b"first", "image/png", "no-cache")
    before = bucket.stat(name)
    bucket.write(name, b"second", "image/webp", "no-cache")
    assert bucket.read(name) == b"second"
    after = bucket.stat(name)
    assert after.content_type == "image/webp"
    assert after.generation > before.generation
    assert bucket.read(name, before.generation) is None


def test_a_blob_that_was_begun_is_there_once_its_bytes_have_been_sent(bucket, name):
    metadata = {"filename": "Kätzchen.tif"}
    url = bucket.begin(name, 5, "image/tiff", metadata, "https://example.org")
    assert bucket.stat(name) is None
    if isinstance(bucket, MemoryBucket):
        bucket.send(url, b"bytes")
    else:
        requests.put(url, data=b"bytes", timeout=20).raise_for_status()
    blob = bucket.stat(name)
    assert (blob.size, blob.metadata) == (5, metadata)
    assert bucket.read(name, blob.generation) == b"bytes"


def test_a_missing_blob_is_none(bucket, name):
    assert bucket.read(name) is None
    assert bucket.stat(name) is None
    assert bucket.delete(name) is False


def test_a_fetched_blob_has_its_generation(bucket, name):
    assert bucket.fetch(name) is None
    bucket.write(name, b"first", "text/plain", "no-cache")
    first = bucket.fetch(name)
    assert (first.data, first.generation) == (b"first", bucket.stat(name).generation)
    bucket.write(name, b"second", "text/plain", "no-cache")
    second = bucket.fetch(name)
    assert (second.data, second.generation) == (b"second", bucket.stat(name).generation)
    assert second.generation > first.generation


def test_a_written_blob_has_its_metadata(bucket, name):
    assert bucket.write(name, b"bytes", "text/plain", "no-cache", {"original": "Kätzchen.png"})
    assert bucket.stat(name).metadata == {"original": "Kätzchen.png"}
    assert bucket.write(name, b"bytes", "text/plain", "no-cache")
    assert bucket.stat(name).metadata == {}


def test_a_write_on_the_condition_that_there_is_no_blob(bucket, name):
    assert bucket.write(name, b"first", "text/plain", "no-cache", if_generation=0) is True
    assert bucket.write(name, b"second", "text/plain", "no-cache", if_generation=0) is False
    assert bucket.read(name) == b"first"


def test_a_write_on_the_condition_of_a_generation(bucket, name):
    bucket.write(name, b"first", "text/plain", "no-cache")
    generation = bucket.fetch(name).generation
    assert bucket.write(name, b"x", "text/plain", "no-cache", if_generation=generation + 1) is False
    assert bucket.write(name, b"second", "text/plain", "no-cache", if_generation=generation) is True
    assert bucket.write(name, b"third", "text/plain", "no-cache", if_generation=generation) is False
    assert bucket.read(name) == b"second"


def test_a_condition_on_a_deleted_blob_does_not_hold(bucket, name):
    bucket.write(name, b"first", "text/plain", "no-cache")
    generation = bucket.fetch(name).generation
    bucket.delete(name)
    assert bucket.write(name, b"x", "text/plain", "no-cache", if_generation=generation) is False
    assert bucket.read(name) is None
    assert bucket.write(name, b"again", "text/plain", "no-cache", if_generation=0) is True


@pytest.mark.parametrize("is_new", [True, False])
def test_of_many_conditional_writes_at_once_one_wins(bucket, name, is_new):
    generation = 0
    if not is_new:
        bucket.write(name, b"before", "text/plain", "no-cache")
        generation = bucket.fetch(name).generation

    def write(number):
        body = str(number).encode()
        return bucket.write(name, body, "text/plain", "no-cache", if_generation=generation)

    with ThreadPoolExecutor(16) as threads:
        written = list(threads.map(write, range(32)))
    assert sum(written) == 1
    assert bucket.read(name) == str(written.index(True)).encode()


def test_deleting_a_generation_that_was_replaced_spares_the_blob(bucket, name):
    bucket.write(name, b"first", "text/plain", "no-cache")
    generation = bucket.fetch(name).generation
    bucket.write(name, b"second", "text/plain", "no-cache")
    assert bucket.delete(name, generation) is False
    assert bucket.read(name) == b"second"


def test_a_deleted_blob_is_gone(bucket, name):
    bucket.write(name, b"bytes", "text/plain", "no-cache")
    assert bucket.delete(name) is True
    assert bucket.read(name) is None


def test_one_generation_of_a_blob_is_deleted(bucket, name):
    generation = bucket.create(name, b"bytes", "text/plain", {})
    assert bucket.delete(name, generation) is True
    assert bucket.read(name) is None


def test_a_walk_gives_the_blobs_of_a_prefix_by_name(bucket, name):
    for suffix in ("/b", "/a", "x", "/c/d"):
        bucket.write(name + suffix, b"1", "text/plain", "no-cache")
    assert [blob.name for blob in bucket.walk(f"{name}/")] == [
        f"{name}/a",
        f"{name}/b",
        f"{name}/c/d",
    ]


def test_a_walk_begins_and_ends_where_it_is_told(bucket, name):
    for suffix in ("/a", "/b", "/c", "/d"):
        bucket.write(name + suffix, b"1", "text/plain", "no-cache")
    found = [blob.name for blob in bucket.walk(start=f"{name}/b", end=f"{name}/d")]
    assert found == [f"{name}/b", f"{name}/c"]
    assert [blob.name for blob in bucket.walk(prefix=f"{name}/", start=f"{name}/c")] == [
        f"{name}/c",
        f"{name}/d",
    ]
    assert not list(bucket.walk(start=f"{name}/z", end=f"{name}/b"))


def test_a_walk_goes_on_where_its_last_name_was_deleted_meanwhile(bucket, name):
    bucket.write(f"{name}/b", b"1", "text/plain", "no-cache")
    assert [blob.name for blob in bucket.walk(start=f"{name}/a", end=f"{name}/c")] == [f"{name}/b"]


def test_the_current_generation_of_a_blob_is_deleted(bucket, name):
    bucket.write(name, b"bytes", "text/plain", "no-cache")
    assert bucket.delete(name, bucket.stat(name).generation) is True
    assert bucket.read(name) is None


def test_a_walk_over_an_empty_bucket_ends(bucket, name):
    assert list(bucket.walk(name)) == []


@pytest.mark.parametrize(
    "call",
    [
        lambda b: b.create("a", b"", "text/plain", {}),
        lambda b: b.begin("a", 1, "image/png", {}, None),
        lambda b: b.write("a", b"", "text/plain", "no-cache"),
        lambda b: b.read("a"),
        lambda b: b.fetch("a"),
        lambda b: b.stat("a"),
        lambda b: b.delete("a"),
        lambda b: list(b.walk("a")),
    ],
    ids=["create", "begin", "write", "read", "fetch", "stat", "delete", "walk"],
)
def test_a_bucket_that_does_not_answer_is_unavailable(broken, call):
    with pytest.raises(Unavailable, match="contract"):
        call(broken)


def test_a_bucket_that_does_not_exist_is_unavailable_to_writers(server, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server)
    bucket = CloudBucket(json_api.connect(), "no-such-bucket", call_seconds=1)
    with pytest.raises(Unavailable, match="no-such-bucket"):
        bucket.create("a", b"x", "text/plain", {})
