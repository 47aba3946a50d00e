"""What the functions rely on in the records of requests, over both kinds of bucket."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from quickthumb.api.records import Answer, Claim, Records
from quickthumb.documents.names import new_id
from quickthumb.problems import InvalidMessage, Unavailable


@pytest.fixture
def records(bucket):
    return Records(bucket)


@pytest.fixture
def name():
    return new_id()


def test_the_first_claim_stays(records, name):
    first = Claim("print", (new_id(), new_id()))
    second = Claim("other", (new_id(), new_id()))
    assert records.claim(name, first) == first
    assert records.claim(name, second) == first
    assert records.claim(name, first) == first


def test_of_many_claims_at_once_one_wins_and_all_hear_of_it(records, name):
    claims = [Claim("print", (new_id(),)) for _ in range(16)]
    with ThreadPoolExecutor(16) as threads:
        heard = set(threads.map(lambda claim: records.claim(name, claim), claims))
    [winner] = heard
    assert winner in claims


def test_of_many_that_take_something_at_once_one_gets_it(records, name):
    with ThreadPoolExecutor(16) as threads:
        got = list(threads.map(lambda _: records.lease(f"quotas/1/{name}/0"), range(16)))
    assert got.count(True) == 1
    assert records.lease(f"quotas/1/{name}/1")


def test_the_first_answer_stays(records, name):
    ids = (new_id(),)
    assert records.answer(name, ids) is None
    first = Answer(202, {"id": ids[0], "links": {"self": "/Kätzchen"}}, ids=ids)
    records.keep_answer(name, ids, first)
    records.keep_answer(name, ids, Answer(415, {"code": "not-a-picture"}))
    assert records.answer(name, ids) == first


def test_the_answer_to_another_claim_is_none(records, name):
    records.keep_answer(name, (new_id(),), Answer(415, {"code": "not-a-picture"}))
    assert records.answer(name, (new_id(),)) is None


def test_the_answer_of_an_earlier_version_is_read_if_it_names_no_other_id(bucket, records, name):
    one, two = new_id(), new_id()
    body = b'{"status":202,"document":{"uploads":[{"id":"%s"},{"code":"corrupt"}]}}'
    bucket.create(f"{name}/answer", body % one.encode(), "application/json", {})
    assert records.answer(name, (one, two)).status == 202
    assert records.answer(name, (two, new_id())) is None


def test_the_age_of_a_claim_is_known(records, name):
    with pytest.raises(Unavailable):
        records.claimed(name)
    records.claim(name, Claim("print", (new_id(),)))
    assert abs(datetime.now(UTC) - records.claimed(name)) < timedelta(minutes=5)


def test_claims_of_other_names_do_not_matter(records, name):
    records.claim(name, Claim("print", (new_id(),)))
    other = Claim("print", (new_id(),))
    assert records.claim(f"{name}0", other) == other
    assert records.answer(f"{name}0", ()) is None


@pytest.mark.parametrize(
    "call",
    [
        lambda r: r.claim("a", Claim("print", ("1",))),
        lambda r: r.claimed("a"),
        lambda r: r.answer("a", ()),
        lambda r: r.keep_answer("a", (), Answer(202, {})),
    ],
    ids=["claim", "claimed", "answer", "keep_answer"],
)
def test_records_that_do_not_answer_are_unavailable(broken, call):
    with pytest.raises(Unavailable):
        call(Records(broken))


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[" * 3000, b'{"fingerprint":"print","ids":["../x"]}']
)
def test_an_unreadable_claim_is_reported(bucket, records, name, body):
    bucket.create(f"{name}/claim", body, "application/json", {})
    with pytest.raises(InvalidMessage):
        records.claim(name, Claim("print", (new_id(),)))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b'{"status":202}',
        b'{"status":1e999,"document":{}}',
        b'{"status":true,"document":{}}',
        b'{"status":202,"document":{"id":"x\\r\\nSet-Cookie: a=b"}}',
        b'{"status":202,"document":{"code":"corrupt"}}',
    ],
)
def test_an_unreadable_answer_is_ignored(bucket, records, name, body):
    bucket.create(f"{name}/answer", body, "application/json", {})
    assert records.answer(name, ()) is None
