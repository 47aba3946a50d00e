"""Listings by the front are those of the storage server, in pages."""

import json
import os
import tempfile
from pathlib import Path

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.data_folder import METADATA
from emulator.parts.front.http1 import Request
from emulator.parts.front.listings import Listing
from tests.storage import BUCKET, serving

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "getxattr"), reason="the server answers here"),
]

NAMES = ("a/1", "a/2", "a-b", "a.b", "b", "c/d/e", "c/d/f", "ü/ß z", "incoming/announced/00")
ELSEWHERE = {"matchGlob": "**"}
"""An option that the server ignores, and for which the front leaves the listing to it."""


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("listings")) as storage:
        for name in NAMES:
            put(storage, name)
        yield storage


def put(storage, name, data=b"data"):
    url = storage.uploads(requests.utils.quote(name, safe=""), "multipart")
    description = {
        "contentType": "image/png",
        "cacheControl": "no-cache",
        "metadata": {"of": "ours"},
    }
    body = (
        b"--x\r\nContent-Type: application/json\r\n\r\n"
        + json.dumps(description).encode()
        + b"\r\n--x\r\nContent-Type: image/png\r\n\r\n"
        + data
        + b"\r\n--x--\r\n"
    )
    headers = {"Content-Type": "multipart/related; boundary=x"}
    requests.post(url, data=body, headers=headers, timeout=30).raise_for_status()


def listed(storage, **query):
    answer = requests.get(storage.listing, params=query, timeout=30)
    answer.raise_for_status()
    return answer.json()


def names(document):
    return [item["name"] for item in document.get("items", ())]


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"prefix": "a/"},
        {"prefix": "a"},
        {"prefix": "c/d"},
        {"prefix": "c/d/e"},
        {"prefix": "nothing/"},
        {"prefix": "b/"},  # b is a blob
        {"prefix": "/etc/"},
        {"prefix": "ü/"},
        {"startOffset": "a/2"},
        {"startOffset": "a.", "endOffset": "c/d/f"},
        {"startOffset": "a/", "endOffset": "a0"},
        {"prefix": "c/", "startOffset": "c/d/f"},
    ],
)
def test_a_listing_is_that_of_the_server(storage, query):
    ours, theirs = listed(storage, **query), listed(storage, **query, **ELSEWHERE)
    for item in theirs.get("items", ()):
        del item["acl"]  # which Cloud Storage leaves out, too, unless it is asked for it
    assert ours == theirs


def test_without_limits_all_names_are_listed_in_the_order_of_their_letters(storage):
    assert names(listed(storage)) == sorted(NAMES)


@pytest.mark.parametrize("most", [1, 2, len(NAMES) - 1, len(NAMES)])
def test_pages_join_without_gap_or_overlap(storage, most):
    found, query = [], {"maxResults": most, "startOffset": "a-"}
    while True:
        document = listed(storage, **query)
        assert len(document["items"]) <= most
        found += names(document)
        if "nextPageToken" not in document:
            break
        query["pageToken"] = document["nextPageToken"]
    assert found == sorted(NAMES)


def test_a_bucket_that_does_not_exist_is_left_to_the_server(storage):
    answer = requests.get(f"{storage.url}/storage/v1/b/elsewhere/o", timeout=30)
    assert answer.status_code == 404


def test_a_blob_is_listed_once_it_is_written_and_until_it_is_deleted(storage):
    put(storage, "late/1")
    assert names(listed(storage, prefix="late/")) == ["late/1"]
    requests.delete(storage.blob("late%2F1"), timeout=30).raise_for_status()
    assert names(listed(storage, prefix="late/")) == []


def test_a_blob_without_a_description_is_left_to_the_server(tmp_path):
    with serving(tmp_path) as storage:
        put(storage, "b")
        os.removexattr(tmp_path / "storage" / BUCKET / "b", METADATA)
        answer = requests.get(storage.listing, timeout=30)
        assert not answer.ok


@pytest.mark.parametrize(
    "query",
    [
        *("delimiter=/", "versions=true", "maxResults=0", "maxResults=-1", "maxResults=x"),
        *("prefix=a%00", "prefix=..%2F", "prefix=%2Fetc%2F", "prefix=a%2F.%2F", "softDeleted=true"),
    ],
)
def test_other_listings_are_left_to_the_server(query):
    target = f"/storage/v1/b/{BUCKET}/o?{query}"
    request = Request("GET", target, [], "localhost", 0, lasts=True, waits=False)
    assert Listing.read(request) is None


NAME = st.lists(st.text("-./0a", min_size=1, max_size=2), min_size=1, max_size=3).map("/".join)


@settings(deadline=None)
@given(
    st.sets(NAME, max_size=8),
    st.sampled_from(["", "0", "a", "a/", "a/0", "a-/", "0/a/0"]),
    *(st.text("-/0a", max_size=3) for _ in range(2)),
)
def test_names_are_those_with_the_prefix_in_the_range(blobs, prefix, start, end):
    def is_path(name):
        parts = name.split("/")
        return not {"", ".", ".."} & set(parts)

    with tempfile.TemporaryDirectory() as folder:
        kept = set()
        for name in filter(is_path, sorted(blobs)):
            file = Path(folder) / name
            if not any(other.startswith(f"{name}/") for other in kept) and not any(
                name.startswith(f"{other}/") for other in kept
            ):
                file.parent.mkdir(parents=True, exist_ok=True)
                file.touch()
                kept.add(name)
        expected = [
            name
            for name in sorted(kept)
            if name.startswith(prefix) and name >= start and (not end or name < end)
        ]
        assert list(Listing("b", prefix, start, end, 10).names(folder)) == expected
