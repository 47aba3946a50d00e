"""Strategies for malformed JSON, text and metadata."""

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

TEXTS = (
    "",
    ".",
    "..",
    "incoming/x/",
    "incoming/../x",
    "a\nb",
    "a\r\nSet-Cookie: a=b",
    "\x1b[31m",
    "\x00",
    "n" * 1025,
    "ü" * 513,
    "१२",
    "0",
    "-1",
    "9" * 19,
    "9" * 5000,
    "1e999",
    "NaN",
    "[" * 3000,
    "null",
    "%s",
    "<script>",
)

texts = st.sampled_from(TEXTS) | st.text(max_size=50)

_plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)

values = (
    st.sampled_from(
        [
            *("1e999", "-1e999", "NaN", "Infinity", "7.0", "-0", "1e5", "0", "-1", "1"),
            *("9" * 18, "9" * 19, "9" * 20, "9" * 5000, f"0.{'9' * 5000}"),
            *("null", "true", "[]", "{}", "[null]", '[{}, {"name": 1}]', '{"": {"": []}}'),
            *("[" * 3000 + "]" * 3000, '{"a":' * 3000 + "1" + "}" * 3000),
            *('"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"'),
        ]
    )
    | st.sampled_from(TEXTS).map(json.dumps)
    | _plain.map(json.dumps)
)
"""JSON values, serialized."""

bodies = (
    values.map(str.encode)
    | st.binary(max_size=100)
    | st.sampled_from([b"", b"\xff\xfe[\x00", b"{" * 3000, b'{"a":1', b"\xef\xbb\xbf{}", b"[1,]"])
)
"""Whole documents."""


def written(members: Mapping[str, Any]) -> str:
    """Serialize an object with serialized values."""
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in members.items()) + "}"


@st.composite
def spoiled(draw: st.DrawFn, document: Mapping[str, Any]) -> str:
    """Return a valid document with some members changed, at any depth."""
    members = {}
    for name, value in document.items():
        fate = draw(st.sampled_from(["kept", "kept", "kept", "replaced", "spoiled", "dropped"]))
        if fate == "replaced":
            members[name] = draw(values)
        elif fate == "spoiled" and isinstance(value, list) and value:
            whole = spoiled(value[0]) if isinstance(value[0], dict) else values
            members[name] = f"[{draw(whole)}]"
        elif fate == "spoiled" and isinstance(value, dict):
            members[name] = draw(spoiled(value))
        elif fate != "dropped":
            members[name] = json.dumps(value)
    more = draw(st.dictionaries(st.text(max_size=9), values, max_size=2))
    text = written(members | {name: more[name] for name in more.keys() - document.keys()})
    if members and draw(st.booleans()):  # a duplicate name
        name = draw(st.sampled_from(sorted(members)))
        text = f"{text[:-1]},{json.dumps(name)}:{draw(values)}}}"
    return text
