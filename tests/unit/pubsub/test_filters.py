import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.pubsub.rules.errors import InvalidArgument
from emulator.pubsub.rules.filters import MAX_BYTES, parse

# The examples of https://docs.cloud.google.com/pubsub/docs/subscription-message-filter
EXAMPLES = [
    ("attributes:domain", {"domain": "x"}, True),
    ("attributes:domain", {}, False),
    ('attributes:"iana.org/language_tag"', {"iana.org/language_tag": "en"}, True),
    ('attributes."iana.org/language_tag" = "en"', {"iana.org/language_tag": "en"}, True),
    ('attributes.domain = "com"', {"domain": "com"}, True),
    ('attributes.domain="com"', {"domain": "com"}, True),
    ('attributes.domain = "com"', {"domain": "org"}, False),
    ('attributes.domain = "com"', {"Domain": "com"}, False),
    ('attributes.domain = "com"', {"domain": "Com"}, False),
    ('attributes.domain != "com"', {"domain": "org"}, True),
    ('attributes.domain != "com"', {"domain": "com"}, False),
    ('attributes.domain != "com"', {}, True),
    ('hasPrefix(attributes.domain, "co")', {"domain": "com"}, True),
    ('hasPrefix(attributes.domain, "co")', {"domain": "dc"}, False),
    ('hasPrefix(attributes.domain, "co")', {}, False),
    ("NOT attributes:domain", {}, True),
    ("-attributes:domain", {"domain": "x"}, False),
    ("NOT NOT attributes:domain", {"domain": "x"}, True),
    ('attributes:a AND attributes.b = "1"', {"a": "", "b": "1"}, True),
    ('attributes:a AND attributes.b = "1"', {"a": ""}, False),
    ('attributes:a OR attributes.b = "1"', {"b": "1"}, True),
    ('attributes:a AND (attributes.b = "1" OR attributes.b = "2")', {"a": "", "b": "2"}, True),
    ('attributes:a AND (attributes.b = "1" OR attributes.b = "2")', {"b": "2"}, False),
    ("NOT (attributes:a OR attributes:b)", {}, True),
    ("NOT attributes:a AND attributes:b", {"b": ""}, True),
    (r'attributes.a = "\u307F\x41\101\n\"\\"', {"a": '\u307fAA\n"\\'}, True),
    ("attributes:AND-ROID", {"AND-ROID": ""}, True),
    ('attributes.some-key_1 = "x"', {"some-key_1": "x"}, True),
]


@pytest.mark.parametrize(("expression", "attributes", "delivered"), EXAMPLES)
def test_the_documented_language_is_understood(expression, attributes, delivered):
    predicate = parse(expression)
    assert predicate is not None
    assert predicate(attributes) is delivered


@pytest.mark.parametrize("expression", ["", "  "])
def test_an_empty_filter_lets_everything_through(expression):
    assert parse(expression) is None


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("nonsense", "expected 'attributes' at 'nonsense'"),
        ("attributes", "expected '.' or ':' after attributes at the end"),
        ("attributes.a", "expected '=' or '!=' at the end"),
        ("attributes.a = b", "expected a value in double quotes at 'b'"),
        ("attributes.a = 'b'", "invalid token at"),
        ('attributes.a = "b', "invalid token at"),
        ('attributes.a < "b"', "invalid token at"),
        ("attributes:a attributes:b", "expected AND, OR or the end at 'attributes'"),
        ("attributes:a and attributes:b", "expected AND, OR or the end at 'and'"),
        ("attributes:a AND", "expected 'attributes' at the end"),
        ("attributes:a AND attributes:b OR attributes:c", "put parentheses around"),
        ("(attributes:a", "expected '\\)' at the end"),
        ("attributes:a)", "expected AND, OR or the end"),
        ("attributes:NOT", "expected an attribute key at 'NOT'"),
        ('hasPrefix(attributes.a "b")', "expected ','"),
        ('hassuffix(attributes.a, "b")', "expected 'attributes' at 'hassuffix'"),
        ('data = "x"', "expected 'attributes' at 'data'"),
        (r'attributes.a = "\q"', r"unknown escape sequence \\q"),
        (r'attributes.a = "\uD800"', r"U\+D800 is not a character"),
        (f'attributes.a = "{"x" * MAX_BYTES}"', "the maximum is 256 bytes"),
    ],
)
def test_an_invalid_filter_is_refused_with_place_and_reason(expression, reason):
    with pytest.raises(InvalidArgument, match=reason):
        parse(expression)


KEYS = st.sampled_from(["a", "b", "with space", "ключ", "x-y"])
VALUES = st.sampled_from(["", "a", "ab", "abc", 'quote"', "back\\slash", "\n"])


def quoted(text):
    return json.dumps(text)


def comparisons():
    return st.one_of(
        st.builds(lambda k: (f"attributes:{quoted(k)}", lambda a: k in a), KEYS),
        st.builds(
            lambda k, v: (f"attributes.{quoted(k)}={quoted(v)}", lambda a: a.get(k) == v),
            KEYS,
            VALUES,
        ),
        st.builds(
            lambda k, v: (f"attributes.{quoted(k)} != {quoted(v)}", lambda a: a.get(k) != v),
            KEYS,
            VALUES,
        ),
        st.builds(
            lambda k, v: (
                f"hasPrefix(attributes.{quoted(k)}, {quoted(v)})",
                lambda a: k in a and a[k].startswith(v),
            ),
            KEYS,
            VALUES,
        ),
    )


def combinations(terms):
    return st.one_of(
        st.builds(lambda t: (f"NOT ({t[0]})", lambda a: not t[1](a)), terms),
        st.builds(
            lambda ts: (
                " AND ".join(f"({t[0]})" for t in ts),
                lambda a: all(t[1](a) for t in ts),
            ),
            st.lists(terms, min_size=2, max_size=3),
        ),
        st.builds(
            lambda ts: (
                " OR ".join(f"({t[0]})" for t in ts),
                lambda a: any(t[1](a) for t in ts),
            ),
            st.lists(terms, min_size=2, max_size=3),
        ),
    )


@given(
    st.recursive(comparisons(), combinations, max_leaves=5).filter(
        lambda term: len(term[0].encode()) <= MAX_BYTES
    ),
    st.dictionaries(KEYS, VALUES),
)
def test_a_filter_means_what_it_says(term, attributes):
    expression, meaning = term
    predicate = parse(expression)
    assert predicate is not None
    assert predicate(attributes) == meaning(attributes)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    with suppress(InvalidArgument):
        parse(text)
