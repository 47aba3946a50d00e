"""Names of blobs that the storage server would take for ways out of its folder."""

import json
from pathlib import PurePosixPath
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.parts.front.blob_names import expect_safe, expect_safe_path, named
from emulator.parts.front.http1 import Refused, Request

pytestmark = pytest.mark.slow

UPLOAD = "/upload/storage/v1/b/bucket/o"


def upload(query, body):
    """Return what becomes of an upload: its target, and the bytes of its body."""
    request = Request("POST", f"{UPLOAD}?{query}", [], "localhost", len(body), True, False)
    blocks = (memoryview(body[start : start + 7]) for start in range(0, len(body), 7))
    target, rest = named(request, blocks)
    return target, b"".join(map(bytes, rest))


def in_parts(document):
    text = document if isinstance(document, str) else json.dumps(document)
    return f"--B\r\nContent-Type: application/json\r\n\r\n{text}\r\n--B\r\n\r\nx\r\n--B--".encode()


@pytest.mark.parametrize(
    "name", ["..", "../a", "a/..", "a/../b", "..\\a", "a\\..\\b", "/../a", "a\0b"]
)
def test_a_name_with_path_traversal_is_refused(name):
    with pytest.raises(Refused):
        expect_safe(name)
    with pytest.raises(Refused):
        upload("uploadType=multipart", in_parts({"name": name}))


@pytest.mark.parametrize(
    "name", ["a", "a..b", "..a", "a../b", "...", "a/.../b", "a/./b", "é/ü", "/a"]
)
def test_other_names_are_taken(name):
    expect_safe(name)
    body = in_parts({"name": name, "metadata": {"name": "../x"}})
    target, sent = upload("uploadType=multipart&ifGenerationMatch=0", body)
    assert sent == body
    assert parse_qs(target.partition("?")[2]) == {
        **{"uploadType": ["multipart"], "ifGenerationMatch": ["0"], "name": [name]}
    }


@given(st.lists(st.sampled_from(["..", ".", "a", "", "b"]), min_size=1).map("/".join))
def test_what_is_taken_stays_in_the_folder(name):
    depth = 0
    climbs = False
    for part in PurePosixPath(name.lstrip("/") or ".").parts:
        depth += -1 if part == ".." else part not in (".", "/")
        climbs |= depth < 0
    try:
        expect_safe(name)
    except Refused:
        assert ".." in name.split("/")
    else:
        assert not climbs


@pytest.mark.parametrize("path", ["/b/x/o/%2e%2e%2fy", "/b/..%2f/o", "/b/x/o/..", "/b/x/o/a%00"])
def test_a_path_with_traversal_is_refused_in_any_encoding(path):
    with pytest.raises(Refused):
        expect_safe_path(path)


def test_the_name_in_the_url_counts_and_is_written_plainly():
    target, _ = upload("uploadType=media&name=a%2fb&name=c", b"{}")
    assert target == f"{UPLOAD}?uploadType=media&name=a%2Fb&name=c"
    for query in ("uploadType=media&name=..%2Fa", "uploadType=media&name=good&name=..%2Fa"):
        with pytest.raises(Refused):
            upload(query, in_parts({"name": "good"}))


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"x" * 1_000_000,
            in_parts("[]"),
            in_parts("{"),
            in_parts({}),
            in_parts({"name": 5}),
        ),
        *(in_parts({"name": ""}), in_parts("[" * 100_000), in_parts('{"Name": "../a"}')),
    ],
)
def test_an_upload_without_a_name_is_refused(body):
    with pytest.raises(Refused, match="the name of its blob"):
        upload("uploadType=multipart", body)
