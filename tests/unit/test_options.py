import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickthumb.api.options import renditions_of
from quickthumb.errors import InvalidOption
from quickthumb.jobs import Rendition


def test_an_upload_that_asks_for_nothing_gets_the_default_sizes():
    assert renditions_of([], (64, 256)) == (Rendition.square(64), Rendition.square(256))


def test_every_option_reaches_every_rendition():
    given_options = {
        "sizes": "32,64",
        "fit": "cover",
        "gravity": "smart",
        "format": "webp",
        "quality": "70",
        "background": "00FF00",
        "max_bytes": "20000",
    }
    small, large = renditions_of(given_options.items(), (256,))
    assert (small.name, small.width, large.name, large.height) == ("32", 32, "64", 64)
    for rendition in (small, large):
        assert rendition.fit == "cover"
        assert rendition.gravity == "smart"
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
        ("format", "gif", "auto, jpeg, png, webp or avif"),
        ("quality", "0", "from 1 to 100"),
        ("quality", "\N{ARABIC-INDIC DIGIT SEVEN}", "from 1 to 100"),
        ("background", "red", "ffffff for white"),
        ("max_bytes", "12", "from 1000"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(name, value, expected):
    with pytest.raises(InvalidOption) as raised:
        renditions_of([(name, value)], (256,))
    assert raised.value.field == name
    assert repr(value) in str(raised.value)
    assert expected in str(raised.value)


def test_an_unknown_option_is_refused_and_not_ignored():
    with pytest.raises(InvalidOption, match=r"'size'.*expected sizes, fit"):
        renditions_of([("size", "64")], (256,))


def test_an_option_given_in_form_and_query_is_refused():
    with pytest.raises(InvalidOption, match="twice"):
        renditions_of([("fit", "cover"), ("fit", "contain")], (256,))


@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=40)), max_size=4))
def test_any_fields_give_renditions_or_a_sentence(fields):
    try:
        assert renditions_of(fields, (256,))
    except InvalidOption as error:
        assert str(error).endswith(".")
