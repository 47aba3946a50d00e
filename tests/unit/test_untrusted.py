import json
import subprocess
import sys
from typing import Literal

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emulator.bootstrap import ROOT
from quickthumb.documents import untrusted
from quickthumb.problems import InvalidMessage
from tests.hostile import bodies


@given(bodies)
@example(b"[" * 1_000_000)
@example(b'"\\ud800"')
@example(("9" * 5000).encode())
def test_any_body_is_read_or_refused_in_few_words(body):
    try:
        document = untrusted.load(body)
    except InvalidMessage as error:
        assert len(str(error)) < 500
    else:
        assert json.loads(json.dumps(document, ensure_ascii=False).encode()) == document


def nested(depth):
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    ("fits", "does_not"),
    [
        (nested(untrusted.MAX_DEPTH), nested(untrusted.MAX_DEPTH + 1)),
        (str(untrusted.MAX_WHOLE).encode(), str(untrusted.MAX_WHOLE + 1).encode()),
        (str(-untrusted.MAX_WHOLE).encode(), str(-untrusted.MAX_WHOLE - 1).encode()),
        (b"1e308", b"1e309"),
        (b'"\\ud83d\\ude00"', b'"\\ud83d"'),
        (
            b" " * (untrusted.MAX_BYTES - 2) + b"[]",
            b" " * (untrusted.MAX_BYTES - 1) + b"[]",
        ),
    ],
    ids=["depth", "whole", "negative", "fraction", "surrogates", "bytes"],
)
def test_json_within_the_limits_is_read_and_beyond_is_refused(fits, does_not):
    assert untrusted.load(fits) == json.loads(fits)
    with pytest.raises(InvalidMessage):
        untrusted.load(does_not)


@pytest.mark.parametrize("body", [b"NaN", b"Infinity", b"-Infinity", b'{"a":NaN}'])
def test_an_invalid_number_is_refused(body):
    with pytest.raises(InvalidMessage, match="not valid JSON"):
        untrusted.load(body)


def test_a_member_that_comes_twice_counts_as_it_comes_last():
    assert untrusted.load(b'{"a":1,"a":2}') == {"a": 2}


class Dish(msgspec.Struct, frozen=True):
    name: str
    grams: int
    heat: Literal["mild", "hot"] = "mild"
    price: int | None = None


class Plain(Dish, frozen=True, forbid_unknown_fields=True):
    pass


def test_a_record_is_made_of_an_object():
    assert untrusted.convert(Dish, {"name": "soup", "grams": 300}) == Dish("soup", 300)
    full = {"name": "soup", "grams": 300, "heat": "hot", "price": None}
    assert untrusted.convert(Dish, full) == Dish("soup", 300, "hot")


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ([], "expected a JSON object"),
        ({"grams": 300}, "name is missing"),
        ({"name": 5, "grams": 300}, "name: 5: expected text"),
        ({"name": "soup", "grams": True}, "grams: true: expected a whole number"),
        ({"name": "soup", "grams": 1.0}, "grams: 1.0: expected a whole number"),
        ({"name": "soup", "grams": 1, "heat": "burning"}, 'heat: "burning": expected hot, mild'),
        ({"name": "soup", "grams": 1, "heat": []}, "heat: .*: expected hot, mild"),
        ({"name": "soup", "grams": 1, "price": "2"}, "expected a whole number or null"),
    ],
)
def test_what_is_wrong_with_a_record_is_told(document, complaint):
    with pytest.raises(InvalidMessage, match=complaint):
        untrusted.convert(Dish, document)


def test_unknown_members_are_ignored_or_refused():
    document = {"name": "soup", "grams": 300, "salt": 1}
    assert untrusted.convert(Dish, document) == Dish("soup", 300)
    with pytest.raises(InvalidMessage, match="salt is unknown"):
        untrusted.convert(Plain, document)


@given(st.text() | st.integers() | st.lists(st.text()))
def test_a_value_is_shown_on_one_line(value):
    shown = untrusted.shown(value)
    assert len(shown) <= 101
    assert "\n" not in shown


FIRST_USE_BY_MANY_THREADS = """
import sys, threading, types
from quickthumb.documents import untrusted

DOCUMENTS = '''
from __future__ import annotations
from msgspec import Struct

class Inner(Struct):
    size: int
    name: str = ""

class Outer(Struct):
    one: Inner
    many: list[Inner]
    named: dict[str, Inner] = {}
'''
BODY = '{"one": {"size": 1}, "many": [{"size": 2, "name": "a"}], "named": {"b": {"size": 3}}}'
sys.setswitchinterval(1e-6)

def use(kind):
    together.wait()
    assert untrusted.read(kind, BODY).one.size == 1
    assert untrusted.convert(kind, {"one": {"size": 1}, "many": []}).one.size == 1

for number in range(100):
    module = sys.modules[f"documents{number}"] = types.ModuleType(f"documents{number}")
    exec(DOCUMENTS, module.__dict__)
    together = threading.Barrier(8)
    threads = [threading.Thread(target=use, args=(module.Outer,)) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
print("alive")
"""


def test_threads_may_be_the_first_to_use_a_type_together():
    result = subprocess.run(
        [sys.executable, "-c", FIRST_USE_BY_MANY_THREADS],
        cwd=ROOT / "functions",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "alive\n", "")
