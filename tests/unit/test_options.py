import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.formats import FORMAT_OPTIONS, listed
from quickthumb.options import OPTIONS, Menu, parse_renditions, renditions_of
from quickthumb.problems import InvalidOption

MENU = Menu((), (256,))
NAMED = (Rendition("small", 256, 256), Rendition("cover", 400, 300, "cover", format="webp"))


def test_an_upload_without_options_gets_the_default_sizes():
    assert renditions_of([], Menu((), (64, 256))) == (Rendition.square(64), Rendition.square(256))


def test_every_option_reaches_every_rendition():
    given_options = {
        "sizes": "32,64",
        "fit": "cover",
        "gravity": "smart",
        "focus": "0.25,1",
        "format": "webp",
        "quality": "70",
        "background": "00FF00",
        "max_bytes": "20000",
    }
    small, large = renditions_of(given_options.items(), MENU)
    assert (small.name, small.width, large.name, large.height) == ("32", 32, "64", 64)
    for rendition in (small, large):
        assert rendition.fit == "cover"
        assert rendition.gravity == "smart"
        assert rendition.focus == (0.25, 1.0)
        assert rendition.format == "webp"
        assert rendition.quality == 70
        assert rendition.background == "#00ff00"
        assert rendition.max_bytes == 20_000


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("sizes", "12,x", "whole numbers"),
        ("sizes", "5000", "from 1 to 4096"),
        ("sizes", "1,2,3,4,5,6,7,8,9", "at most 8"),
        ("fit", "crop", "contain or cover"),
        ("gravity", "north", "center, smart or face"),
        ("focus", "0.5", "0.5,0.25 for the upper middle"),
        ("focus", "0.5,1.01", "shares of width and height"),
        ("focus", "-0.5,0", "shares of width and height"),
        ("focus", "0.5, 0", "shares of width and height"),
        ("focus", "nan,0", "shares of width and height"),
        ("focus", "1e-1,0", "shares of width and height"),
        ("format", "gif", listed(FORMAT_OPTIONS)),
        ("quality", "0", "from 1 to 100"),
        ("quality", "\N{ARABIC-INDIC DIGIT SEVEN}", "from 1 to 100"),
        ("background", "red", "ffffff for white"),
        ("max_bytes", "12", "from 1000"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(name, value, expected):
    with pytest.raises(InvalidOption) as raised:
        renditions_of([(name, value)], MENU)
    assert raised.value.field == name
    assert repr(value) in str(raised.value)
    assert expected in str(raised.value)


def test_an_unknown_option_is_refused_and_not_ignored():
    with pytest.raises(InvalidOption, match=r"'size'.*expected sizes, fit"):
        renditions_of([("size", "64")], MENU)


def test_an_option_given_in_form_and_query_is_refused():
    with pytest.raises(InvalidOption, match="twice"):
        renditions_of([("fit", "cover"), ("fit", "contain")], MENU)


@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=40)), max_size=4))
def test_any_fields_are_accepted_or_refused_with_a_sentence(fields):
    try:
        assert renditions_of(fields, MENU)
    except InvalidOption as error:
        assert str(error).endswith(".")


def test_named_renditions_come_with_every_upload():
    menu = Menu(NAMED, ())
    assert renditions_of([], menu) == menu.standard == NAMED
    asked = renditions_of([("sizes", "64"), ("fit", "cover")], menu)
    assert asked == (*NAMED, Rendition("64", 64, 64, "cover"))


def test_named_renditions_are_joined_by_the_default_sizes_where_both_are_set():
    menu = Menu(NAMED, (64,))
    assert renditions_of([], menu) == (*NAMED, Rendition.square(64))
    assert renditions_of([("fit", "cover")], menu)[-1].fit == "cover"
    assert renditions_of([("fit", "cover")], menu)[:2] == NAMED


def test_an_option_without_a_size_to_apply_to_is_refused():
    with pytest.raises(InvalidOption, match="fit applies to thumbnails requested with") as raised:
        renditions_of([("fit", "cover")], Menu(NAMED, ()))
    assert raised.value.field == "fit"


@pytest.mark.parametrize("name", ["sizes", "fit", "colour"])
def test_options_are_refused_if_only_named_renditions_are_made(name):
    menu = Menu(NAMED, (), only=True)
    assert renditions_of([], menu) == NAMED
    with pytest.raises(
        InvalidOption, match="only makes the thumbnails small, cover: remove"
    ) as raised:
        renditions_of([(name, "256")], menu)
    assert raised.value.field == name


def test_renditions_are_read_as_they_are_documented():
    assert parse_renditions("small:256,cover:400x300:cover:webp") == NAMED
    [all_of_it] = parse_renditions(
        "all:9x8:contain:smart:avif:quality=70:background=FFFFFF:max_bytes=5000:focus=.5,1"
    )
    assert all_of_it == Rendition(
        "all", 9, 8, "contain", "smart", "avif", 70, "#ffffff", 5000, (0.5, 1.0)
    )


@pytest.mark.parametrize(
    ("text", "part", "expected"),
    [
        ("", "''", "a name of up to 32"),
        ("small:256,", "''", "a name of up to 32"),
        ("256:256", "'256'", "starts with a letter"),
        ("Small:256", "'Small'", "that starts with a letter"),
        ("jazz:256", "'jazz'", "does not end in z"),
        ("a/b:256", "'a/b'", "that starts with a letter"),
        ("small", "'small'", "small:SIZE or small:WIDTHxHEIGHT"),
        ("small:", "''", "from 1 to 4096"),
        ("small:0", "'0'", "from 1 to 4096"),
        ("small:4097", "'4097'", "from 1 to 4096"),
        ("small:10x0", "'10x0'", "from 1 to 4096"),
        ("small:10X10", "'10X10'", "SIZE or WIDTHxHEIGHT"),
        ("small:\N{ARABIC-INDIC DIGIT SEVEN}", "'\N{ARABIC-INDIC DIGIT SEVEN}'", "from 1 to 4096"),
        ("small:256:gif", "'gif'", "one of contain, cover, center, smart, face, auto, jpeg"),
        ("small:256:quality=0", "'quality=0'", "from 1 to 100"),
        ("small:256:quality", "'quality'", "quality=…"),
        ("small:256:focus=0.5", "'focus=0.5'", "0.5,0.25 for the upper middle"),
        ("small:256:focus=0.5,", "'focus=0.5,'", "0.5,0.25 for the upper middle"),
        ("small:256:focus=2,0.5", "'focus=2,0.5'", "0.5,0.25 for the upper middle"),
        ("small:256:fit=cover", "'fit=cover'", "one of contain"),
        ("small:256:cover:contain", "'contain'", "the fit is given twice"),
        ("small:256,small:64", "the name 'small'", "used twice"),
        (",".join(f"a{n}:{n + 1}" for n in range(9)), "", "at most 8"),
    ],
)
def test_a_wrong_rendition_is_named_with_what_was_expected(text, part, expected):
    with pytest.raises(ValueError, match=r"expected|twice") as raised:
        parse_renditions(text)
    assert part in str(raised.value)
    assert expected in str(raised.value)


names = st.from_regex(r"[a-z]([a-z0-9_-]{0,30}[a-y0-9_-])?", fullmatch=True).filter(
    lambda name: not name.endswith("z")
)
shares = st.integers(0, 10_000).map(lambda part: part / 10_000)
named = st.builds(
    Rendition,
    name=names,
    width=st.integers(1, 4096),
    height=st.integers(1, 4096),
    fit=st.sampled_from(["contain", "cover"]),
    gravity=st.sampled_from(["center", "smart", "face"]),
    format=st.sampled_from(FORMAT_OPTIONS),
    quality=st.none() | st.integers(1, 100),
    background=st.none() | st.from_regex(r"#[0-9a-f]{6}", fullmatch=True),
    max_bytes=st.none() | st.integers(1000, 100_000_000),
    focus=st.none() | st.tuples(shares, shares),
)


def written(rendition):
    """Return a rendition as a person would write it down."""
    parts = [rendition.name, f"{rendition.width}x{rendition.height}"]
    parts += [rendition.fit, rendition.gravity, rendition.format]
    for name in ("quality", "background", "max_bytes"):
        if (value := getattr(rendition, name)) is not None:
            parts.append(f"{name}={value}")
    if rendition.focus is not None:
        x, y = rendition.focus
        parts.append(f"focus={x:.4f},{y:.4f}")
    return ":".join(parts)


@given(st.lists(named, min_size=1, max_size=8, unique_by=lambda each: each.name))
def test_renditions_survive_a_round_trip(renditions):
    assert parse_renditions(", ".join(map(written, renditions))) == tuple(renditions)


@given(named)
def test_renditions_survive_documents_of_either_form(rendition):
    for form in (rendition.to_dict(), rendition.to_list()):
        assert Rendition.from_json(json.loads(json.dumps(form))) == rendition


@given(shares, shares)
def test_every_focus_that_is_accepted_is_a_point_of_the_picture(x, y):
    [rendition] = renditions_of([("focus", f"{x:.4f},{y:.4f}")], MENU)
    assert rendition.focus == (x, y)


@given(st.text(alphabet="0123456789.,-+e ", max_size=12))
def test_any_focus_is_refused_or_inside_the_picture(text):
    pattern = OPTIONS["focus"].schema["pattern"]
    try:
        [rendition] = renditions_of([("focus", text)], MENU)
    except InvalidOption:
        assert not re.search(pattern, text)
    else:
        assert re.search(pattern, text)
        assert rendition.focus is not None
        assert all(0 <= share <= 1 for share in rendition.focus)


@given(st.text(alphabet="az09:,x=_-coverwebpquality ", max_size=40) | st.text(max_size=40))
def test_any_text_is_parsed_or_refused_with_a_sentence(text):
    try:
        renditions = parse_renditions(text)
    except ValueError as error:
        assert "expected" in str(error) or "twice" in str(error)
    else:
        assert 1 <= len(renditions) <= 8
        for rendition in renditions:
            assert not rendition.name.isdecimal()
            assert min(rendition.width, rendition.height) >= 1
