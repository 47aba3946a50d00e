import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
import yaml

from bench.cost import PRICES, requests_in
from bench.cost_model import (
    GIB,
    Call,
    Cost,
    Instance,
    InvalidPrices,
    Prices,
    billed_seconds,
    cost_of,
    sending,
    storing,
)

ROUND = Prices(
    vcpu_second=1,
    gib_second=10,
    million_requests=2_000_000,
    message_tib=2**40,
    thousand_class_a=3000,
    thousand_class_b=1000,
    stored_gib_month=5,
    internet_gib=7,
)
"""Prices that are easy to reckon with by head."""
ALONE = Instance(vcpus=1, memory=GIB)


def test_time_is_rounded_up_to_a_tenth_of_a_second():
    assert billed_seconds(Call(0.21), ALONE, 0, 1) == pytest.approx(0.3)
    assert billed_seconds(Call(0.3), ALONE, 0, 1) == pytest.approx(0.3)
    assert billed_seconds(Call(0.001), ALONE, 0, 1) == pytest.approx(0.1)


def test_waiting_for_other_services_is_billed_too():
    call = Call(0.1, class_a=2, class_b=3, published=[10])
    assert billed_seconds(call, ALONE, 0.05, 1) == pytest.approx(0.1 + 6 * 0.05)


def test_a_slower_processor_takes_longer():
    assert billed_seconds(Call(0.2), ALONE, 0, 2) == pytest.approx(0.4)


def test_requests_that_share_an_instance_share_its_time():
    call = Call(0.1, class_a=9)
    shared = replace(ALONE, at_once=5)
    assert billed_seconds(call, shared, 0.1, 1) == pytest.approx((0.1 + 0.9) / 5)


def test_what_needs_the_processor_cannot_be_shared():
    shared = replace(ALONE, at_once=100)
    assert billed_seconds(Call(0.5, class_a=1), shared, 0.1, 1) == pytest.approx(0.5)


def test_an_instance_is_paid_for_its_processors_and_memory():
    cost = cost_of(Call(1), Instance(vcpus=2, memory=3 * GIB), ROUND)
    assert cost.instances == pytest.approx(2 * 1 + 3 * 10)
    assert cost.requests == 2


def test_a_small_message_counts_as_a_thousand_bytes_each_time():
    cost = cost_of(Call(0, published=[10, 5000], delivered=20), ALONE, ROUND)
    assert cost.messages == pytest.approx(1000 + 5000 + 1000)


def test_operations_are_paid_by_their_class():
    assert cost_of(Call(0, class_a=2, class_b=5), ALONE, ROUND).operations == pytest.approx(11)


def test_costs_add_up():
    assert (Cost(1, 2, 3, 4) + Cost(10, 20, 30, 40)) == Cost(11, 22, 33, 44)
    assert Cost(1, 2, 3, 4).total == 10


def test_bytes_are_paid_for_where_they_lie_and_when_they_leave():
    assert storing(2 * GIB, ROUND) == 10
    assert sending(GIB / 2, ROUND) == 3.5


def test_every_price_says_where_and_when_it_was_read():
    document = yaml.safe_load(PRICES.read_text())
    assert document["prices"].keys() == {field.name for field in fields(Prices)}
    for entry in document["prices"].values():
        assert entry["source"].startswith("https://cloud.google.com/")
        assert re.fullmatch(r"20\d\d-\d\d", entry["read"])
    assert Prices.load(PRICES).vcpu_second == 0.000024


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no file of prices"),
        ("prices: 5", "no file of prices"),
        ("prices: {vcpu_second: {usd: 1}}", "missing or unknown: gib_second"),
        (PRICES.read_text().replace("usd: 40", "usd: cheap"), "message_tib.usd: 'cheap'"),
        (PRICES.read_text().replace("usd: 40", "usd: -1"), "expected dollars, 0 or more"),
    ],
)
def test_a_mistake_in_the_prices_is_told(tmp_path, text, message):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(InvalidPrices, match=re.escape(message)) as raised:
        Prices.load(file)
    assert str(file) in str(raised.value)


def test_that_there_is_no_such_file_is_told():
    with pytest.raises(InvalidPrices, match=r"nowhere\.yaml"):
        Prices.load(Path("nowhere.yaml"))


def test_requests_to_storage_are_told_apart_by_what_they_cost():
    lines = [
        ("POST /upload/storage/v1/b/x/o?uploadType=multipart", "a"),
        ("POST /upload/storage/v1/b/x/o?uploadType=resumable", "a"),
        ("PUT /upload/storage/v1/b/x/o?uploadType=resumable&upload_id=5", "free"),
        ("GET /storage/v1/b/x/o?prefix=a", "a"),
        ("GET /storage/v1/b/x/o/a%2Fb?alt=json", "b"),
        ("GET /download/storage/v1/b/x/o/a?alt=media", "b"),
        ("DELETE /storage/v1/b/x/o/a", "free"),
    ]
    log = "".join(
        f'storage | time=1 level=INFO msg="127.0.0.1 - - [1] \\"{line} HTTP/1.1\\" 200 1\\n"\n'
        for line, _ in lines
    )
    assert [kind for kind, _ in requests_in(log)] == [kind for _, kind in lines]
