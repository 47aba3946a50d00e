"""What the storage server does wrong on Windows, its front does right or refuses.

There the server keeps the metadata of a blob in a file beside it, and lists nothing by prefix.
"""

import json
from types import SimpleNamespace

import pytest

from emulator import data_folder
from emulator.parts.front import blob_names, listings
from emulator.parts.front.http1 import Refused, Request

NAMES = ("incoming/a", "incoming/b", "processed/a", "top")


@pytest.fixture
def windows(monkeypatch):
    monkeypatch.setattr(data_folder, "BESIDE", ".metadata")
    monkeypatch.setattr(blob_names, "ON_WINDOWS", True)


def put(bucket, name, kept=None):
    file = bucket / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"data")
    moment = "2026-01-01T00:00:00Z"
    kept = kept or json.dumps(
        {"Generation": 7, "Updated": moment, "ContentType": "image/png", "Metadata": {"a": "b"}}
    )
    file.with_name(f"{file.name}.metadata").write_text(kept)


@pytest.fixture
def bucket(tmp_path, windows):
    for name in NAMES:
        put(tmp_path / "bucket", name)
    return tmp_path / "bucket"


def answer(bucket, query):
    """Return what the front says to a listing; None if it leaves it to the server."""
    said = []
    exchange = SimpleNamespace(
        request=Request(
            "GET", f"/storage/v1/b/bucket/o?{query}", [], "host", length=0, lasts=True, waits=False
        ),
        front=SimpleNamespace(folder=bucket.parent, name="host"),
        body=lambda: [],
        say=lambda status, headers, body: said.append(json.loads(body)),
    )
    return said[0] if listings.answer(exchange) else None


@pytest.mark.parametrize("prefix", ["", "incoming/", "incoming/b", "processed", "none"])
def test_a_listing_has_the_names_with_its_prefix_and_no_files_with_metadata(bucket, prefix):
    items = answer(bucket, f"prefix={prefix}").get("items", [])
    assert [item["name"] for item in items] == [each for each in NAMES if each.startswith(prefix)]


def test_a_listing_tells_what_is_kept_beside_a_blob(bucket):
    [item] = answer(bucket, "prefix=top")["items"]
    assert (item["size"], item["generation"], item["contentType"]) == ("4", "7", "image/png")
    assert item["metadata"] == {"a": "b"}


def test_a_listing_of_what_is_being_written_is_to_be_asked_for_again(bucket):
    put(bucket, "incoming/c", kept='{"Gener')
    with pytest.raises(Refused, match="being written just now") as refusal:
        answer(bucket, "prefix=incoming/")
    assert refusal.value.status == 503


def test_a_listing_that_the_server_would_get_wrong_is_refused(bucket):
    with pytest.raises(Refused, match="other options"):
        answer(bucket, "prefix=incoming/&delimiter=/")
    assert answer(bucket, "delimiter=/") is None


def test_a_file_without_metadata_beside_it_is_not_a_blob(bucket):
    (bucket / "copied").write_bytes(b"data")
    assert data_folder.has_metadata(bucket / "top")
    assert data_folder.has_metadata(bucket / "top.metadata")
    assert not data_folder.has_metadata(bucket / "copied")


@pytest.mark.parametrize(
    "name",
    [
        *("con", "a/NUL", "aux.jpg", "com1/x", "what?.jpg", "a:b", "a|b", "back\\slash", "dot."),
        *("end /x", "a\x01b", "picture.metadata"),
    ],
)
def test_a_name_that_no_file_can_have_is_refused_instead_of_a_failure(windows, name):
    with pytest.raises(Refused, match="cannot be the name of a file on Windows"):
        blob_names.expect_safe(name)


@pytest.mark.parametrize(
    "name",
    ["console", "a/nullable.jpg", "com10", ".hidden", "a.b.c", "ü/ß z", "metadata", "x.metadata.1"],
)
def test_other_names_are_allowed(windows, name):
    blob_names.expect_safe(name)


def test_elsewhere_such_names_are_allowed():
    for name in ("con", "what?.jpg", "back\\slash"):
        blob_names.expect_safe(name)
