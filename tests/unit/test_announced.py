import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickthumb.documents.announcement import read_announced
from quickthumb.problems import InvalidOption, Refused, TooLarge

LIMIT = 1_000_000


def read(**document):
    return read_announced(json.dumps(document).encode(), LIMIT)


def test_every_member_of_an_announcement_is_read():
    announced = read(
        filename="Kätzchen.tif",
        content_type="image/tiff",
        size=LIMIT,
        options={"sizes": [256, 1024], "fit": "cover", "quality": 70},
    )
    assert (announced.filename, announced.content_type) == ("Kätzchen.tif", "image/tiff")
    assert announced.size == LIMIT
    assert announced.given == (("sizes", "256,1024"), ("fit", "cover"), ("quality", "70"))


def test_a_size_is_enough():
    announced = read(size=1)
    assert (announced.filename, announced.content_type) == ("", "application/octet-stream")
    assert (announced.size, announced.given) == (1, ())


def test_a_whole_number_may_be_written_with_a_point():
    assert read_announced(b'{"size": 5.0}', LIMIT).size == 5


@pytest.mark.parametrize(
    ("document", "field", "message"),
    [
        ({}, "size", "size is missing: expected filename, content_type, size, options"),
        ({"size": 0}, "size", "size: 0: expected a whole number >= 1"),
        ({"size": "5"}, "size", 'size: "5": expected'),
        ({"size": True}, "size", "size: true: expected"),
        ({"size": 5, "filename": 7}, "filename", "filename: 7: expected text"),
        ({"size": 5, "content_type": "text/csv"}, "content_type", "a type like image/tiff"),
        (
            {"size": 5, "content_type": "image/tiff\r\nX: y"},
            "content_type",
            "a type like image/tiff",
        ),
        ({"size": 5, "options": ["fit"]}, "options", "expected a JSON object"),
        ({"size": 5, "options": {"fit": 1}}, "fit", "fit: 1: expected contain, cover"),
        ({"size": 5, "options": {"sizes": "256"}}, "sizes", "expected a list"),
        (
            {"size": 5, "options": {"sizes": [1.5]}},
            "sizes",
            "1.5: expected a whole number",
        ),
        ({"size": 5, "options": {"quality": "70"}}, "quality", "a whole number"),
        ({"size": 5, "sizes": [256]}, "sizes", "expected filename, content_type, size, options"),
    ],
)
def test_a_wrong_member_is_named_with_what_is_allowed(document, field, message):
    with pytest.raises(InvalidOption) as raised:
        read(**document)
    assert raised.value.field == field
    assert message in str(raised.value)


def test_an_upload_above_the_limit_is_refused_before_it_is_sent():
    with pytest.raises(TooLarge, match="1,000,001 bytes: at most 1,000,000"):
        read(size=LIMIT + 1)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"\xff", b"--b", b'{"a\\ud800": 1}', b"[" * 100_000, b'{"size": 1'],
    ids=range(7),
)
def test_a_body_that_is_not_a_json_object_is_refused(body):
    with pytest.raises(Refused, match="not a JSON object"):
        read_announced(body, LIMIT)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
names = st.sampled_from(["filename", "content_type", "size", "options"]) | st.text(max_size=8)


@given(st.dictionaries(names, values, max_size=5))
def test_any_json_is_accepted_or_refused_with_a_sentence(document):
    try:
        announced = read(**document)
    except Refused as error:
        assert str(error).endswith(".")
        (error.field or "").encode()  # it can be answered
    else:
        assert 1 <= announced.size <= LIMIT
