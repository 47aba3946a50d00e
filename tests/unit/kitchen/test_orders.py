"""Validation of answers from a child that a picture may have compromised."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickthumb.documents.manifest import Placeholder
from quickthumb.documents.rendition import Rendition
from quickthumb.kitchen import orders
from quickthumb.kitchen.orders import MOST_DETAIL, Needs, OutOfMemory, receive_answer, receive_needs
from quickthumb.kitchen.wire import MOST_HEAD, Mangled, Wire
from quickthumb.limits import Limits
from quickthumb.pictures import Picture, Rendered, Source, Work
from quickthumb.problems import Corrupt, Unprocessable
from tests.unit.kitchen.cooks import BABBLE, frame

LIMITS = Limits(max_result_bytes=100, max_pixels=1000)
RENDITIONS = (Rendition.square(8), Rendition("small", 4, 2))
RENDERED = Rendered(
    Source("image/jpeg", 40, 25, 6),
    (
        Picture("8", "image/webp", "webp", 8, 5, b"first"),
        Picture("small", "image/png", "png", 2, 2, b"second"),
    ),
    Placeholder("data:image/webp;base64,UklGRg==", "#010203"),
)


@pytest.fixture
def ends() -> Iterator[tuple[Wire, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Wire(ours), theirs


def answered(sent: bytes, limits: Limits = LIMITS) -> Rendered:
    """Return what is made of these bytes from a child that has ended after them."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            theirs.sendall(sent)
        return receive_answer(Wire(ours), RENDITIONS, limits, time.monotonic() + 10)


def head() -> dict[str, Any]:
    """Return the head of a good answer."""
    thumbnails = [
        {
            name: value
            for name, value in asdict(picture).items()
            if name not in ("data", "extension")
        }
        | {"bytes": len(picture.data)}
        for picture in RENDERED.thumbnails
    ]
    return {
        "source": msgspec.to_builtins(RENDERED.source),
        "thumbnails": thumbnails,
        "placeholder": msgspec.to_builtins(RENDERED.placeholder),
    }


def test_an_answer_arrives_as_it_was_sent(ends):
    wire, theirs = ends
    orders.send_rendered(Wire(theirs), RENDERED)
    assert receive_answer(wire, RENDITIONS, LIMITS, time.monotonic() + 10) == RENDERED
    assert answered(frame(head()) + b"first" + b"second") == RENDERED


def test_an_order_arrives_as_it_was_sent(ends):
    wire, theirs = ends
    data = bytes(range(256)) * 10_000
    renditions = (
        Rendition.square(3),
        Rendition("it", 9, 8, "cover", "smart", "webp", 7, "#ffffff"),
    )
    end = time.monotonic() + 10
    sender = threading.Thread(target=orders.send_order, args=(wire, data, renditions, 2.5, end))
    sender.start()
    assert orders.receive_order(Wire(theirs)) == (data, renditions, 2.5)
    sender.join()


def test_what_a_picture_needs_and_when_to_start_arrive_as_they_were_sent(ends):
    wire, theirs = ends
    end = time.monotonic() + 10
    orders.send_needs(Wire(theirs), Work(1_000_000, 20, lambda: RENDERED))
    assert receive_needs(wire, LIMITS, end) == Needs(1_000_000, 20)
    orders.send_start(wire, 2.5, end)
    assert orders.receive_start(Wire(theirs)) == 2.5


def needed(sent: bytes) -> Needs:
    """Return what is made of these bytes from a child that has ended after them."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            theirs.sendall(sent)
        return receive_needs(Wire(ours), LIMITS, time.monotonic() + 10)


MOST = LIMITS.max_decoded_bytes + LIMITS.max_result_bytes


@pytest.mark.parametrize("field", ["memory", "weight"])
@pytest.mark.parametrize("value", [-1, MOST + 1, True, 1.5, "1", None])
def test_an_impossible_need_is_rejected(field, value):
    with pytest.raises(Mangled):
        needed(frame({"memory": 0, "weight": 0, field: value}))


def test_a_child_may_answer_with_an_error_what_a_picture_needs():
    with pytest.raises(Corrupt, match="broken"):
        needed(frame({"refused": "corrupt", "detail": "broken"}))
    with pytest.raises(OutOfMemory):
        needed(frame({"out_of_memory": True}))


@pytest.mark.parametrize("what", BABBLE)
def test_an_invalid_need_is_rejected(what):
    with pytest.raises((Mangled, EOFError)):
        needed(BABBLE[what])


def test_a_refusal_arrives_cut_to_a_length_and_without_halves_of_characters(ends):
    wire, theirs = ends
    orders.send_refusal(Wire(theirs), Corrupt("\ud800" + "a" * 5000))
    with pytest.raises(Corrupt) as error:
        receive_answer(wire, RENDITIONS, LIMITS, time.monotonic() + 10)
    assert str(error.value) == "?" + "a" * (MOST_DETAIL - 1)


def test_that_there_was_no_memory_arrives(ends):
    wire, theirs = ends
    orders.send_out_of_memory(Wire(theirs))
    with pytest.raises(OutOfMemory):
        receive_answer(wire, RENDITIONS, LIMITS, time.monotonic() + 10)


@pytest.mark.parametrize("what", BABBLE)
def test_an_invalid_answer_is_rejected(what):
    with pytest.raises((Mangled, EOFError)):
        answered(BABBLE[what])


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("source", "content_type", "text/html"),
        ("source", "content_type", "image/<b>"),
        ("source", "width", 0),
        ("source", "width", 41),  # times 25 it is more than the limit
        ("source", "width", 65_536),
        ("source", "height", True),
        ("source", "height", 25.0),
        ("source", "orientation", 9),
        (0, "name", "small"),
        (0, "name", ["8"]),
        (0, "content_type", "image/svg+xml"),
        (0, "width", 9),
        (1, "height", 3),
        (1, "height", "2"),
        (0, "bytes", 0),
        (0, "bytes", -1),
        (0, "bytes", 101),
        (1, "bytes", 96),  # with the five before
        ("placeholder", "data_uri", "data:image/svg+xml;base64,AAAA"),
        ("placeholder", "data_uri", "data:image/webp;base64,AAAA'><script>"),
        ("placeholder", "data_uri", "data:image/webp;base64," + "A" * 9000),
        ("placeholder", "color", "#01020g"),
        ("placeholder", "color", None),
    ],
)
def test_an_impossible_value_is_rejected(part, field, value):
    document = head()
    (document["thumbnails"][part] if isinstance(part, int) else document[part])[field] = value
    with pytest.raises(Mangled):
        answered(frame(document) + b"first" + b"second" + bytes(200))


@pytest.mark.parametrize("part", ["source", "thumbnails", "placeholder"])
@pytest.mark.parametrize("value", [None, [], {}, "text", 7])
def test_a_missing_or_different_part_is_rejected(part, value):
    with pytest.raises(Mangled):
        answered(frame(head() | {part: value}) + b"first" + b"second")


def test_a_truncated_answer_is_rejected():
    whole = frame(head()) + b"first" + b"second"
    for length in range(len(whole)):
        with pytest.raises(EOFError):
            answered(whole[:length])


def test_an_oversized_head_is_rejected():
    with pytest.raises(Mangled, match="bytes"):
        answered((MOST_HEAD + 1).to_bytes(4, "big"))


def test_an_answer_that_does_not_come_is_not_waited_for(ends):
    wire, theirs = ends
    for sent in (b"", b"\0\0", b"\0\0\1\0{", frame(head()), b"fir"):
        theirs.sendall(sent)
        with pytest.raises(TimeoutError):
            receive_answer(wire, RENDITIONS, LIMITS, time.monotonic() + 0.02)


def test_an_order_that_is_not_read_times_out(ends):
    wire, _ = ends
    with pytest.raises(TimeoutError):
        orders.send_order(wire, bytes(10_000_000), RENDITIONS, 1.0, time.monotonic() + 0.02)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "source": JSON,
            "thumbnails": st.lists(JSON, min_size=2, max_size=2) | JSON,
            "placeholder": JSON,
            "refused": JSON | st.sampled_from(["corrupt", "gave-up", "decoder-crashed"]),
            "detail": JSON,
            "out_of_memory": JSON,
        },
    ),
    st.binary(),
)
def test_any_answer_is_accepted_or_rejected(document, rest):
    try:
        answered(frame(document) + rest)
    except (Mangled, EOFError, OutOfMemory):
        pass
    except Unprocessable as error:
        assert document["refused"] == error.code != "gave-up"
    else:
        pytest.fail("believed")


@given(st.binary(max_size=200))
def test_any_bytes_are_accepted_or_rejected(sent):
    with pytest.raises((Mangled, EOFError)):
        answered(sent)
