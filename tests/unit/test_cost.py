import json
import math
import re
import tomllib
from dataclasses import asdict, fields, replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from bench.cost import month
from bench.cost.__main__ import BEGIN, END, SETTINGS, main
from bench.cost.calls import (
    GIB,
    TARGET,
    Call,
    Cost,
    Instance,
    billed_seconds,
    cost_of,
    sending,
    storing,
)
from bench.cost.logs import line_bytes, push_request_bytes, upload_request_bytes
from bench.cost.month import Assumed, Kept, Paces, run_of, runs_a_month
from bench.cost.prices import PRICES, InvalidPrices, Prices
from bench.cost.record import InvalidRecord, Record
from bench.cost.uploads import Operations, requests_in
from emulator.bootstrap import ROOT
from emulator.topology_file import read_topology
from quickthumb import sweep
from quickthumb.policy import Policy

NAMES = [each.name for each in fields(Prices)][:-4]
ROUND = Prices(
    **dict.fromkeys(NAMES, 0.0)
    | {
        "vcpu_second": 1,
        "gib_second": 10,
        "million_requests": 2_000_000,
        "message_tib": 2**40,
        "thousand_class_a": 3000,
        "thousand_class_b": 1000,
        "stored_gib_month": 5,
        "internet_gib": 7,
        "log_gib": 11,
    }
)
"""Prices that are easy to reckon with by head."""
ALONE = Instance(vcpus=1, memory=GIB)
RECORD = Record.load()
PACES = Paces.of(RECORD.walks)
DOCUMENT = ROOT / "docs" / "cost.md"


def test_time_is_rounded_up_to_a_tenth_of_a_second():
    assert billed_seconds(Call(0.21), ALONE, 0, 1) == pytest.approx(0.3)
    assert billed_seconds(Call(0.3), ALONE, 0, 1) == pytest.approx(0.3)
    assert billed_seconds(Call(0.001), ALONE, 0, 1) == pytest.approx(0.1)


def test_waiting_for_other_services_is_billed_too():
    call = Call(0.1, class_a=2, calls=5, published=[10])
    assert billed_seconds(call, ALONE, 0.05, 1) == pytest.approx(0.1 + 6 * 0.05)


def test_a_slower_processor_takes_longer():
    assert billed_seconds(Call(0.2), ALONE, 0, 2) == pytest.approx(0.4)


BUSY = Instance(vcpus=1, memory=GIB, concurrency=10)


def billed(call, rate, instance=BUSY, latency=0.1):
    return billed_seconds(call, replace(instance, rate=rate), latency, 1)


def test_where_requests_come_alone_sharing_is_of_no_use():
    call = Call(0.1, calls=9)
    assert billed(call, 0) == pytest.approx(1.0)
    assert billed(call, 0.001) == pytest.approx(1.0, rel=0.01)


def test_an_instance_is_billed_once_while_any_request_is_in_it():
    # Arrivals once a second on average, each for a second: none for e^-1 of the time.
    assert billed(Call(0.1, calls=9), 1) == pytest.approx(1 - math.exp(-1))


def test_a_billed_time_is_rounded_up_once_for_all_that_share_it():
    busy = 1 - math.exp(-0.96)
    rounding = (1.0 - 0.96) * math.exp(-0.96)
    assert billed(Call(0.06, calls=9), 1) == pytest.approx(busy + rounding)


def test_many_requests_take_as_many_instances_as_keep_processors_at_their_target():
    busy = 0.3 / TARGET * (1 - math.exp(-0.9 / 0.3 * TARGET))
    assert billed(Call(0.3, calls=6), 100) == pytest.approx(busy)


def test_many_requests_that_wait_take_as_many_as_keep_concurrency_at_its_target():
    at_once = 10 * TARGET
    assert billed(Call(0.1, calls=29), 100) == pytest.approx(3 / at_once * (1 - math.exp(-at_once)))


def test_without_concurrency_nothing_is_shared():
    alone = replace(BUSY, concurrency=1)
    assert billed(Call(0.01, calls=9), 100, alone) == pytest.approx(1.0)


@given(st.floats(0.001, 2), st.integers(0, 20), st.floats(0.001, 1000), st.floats(1.01, 10))
def test_the_more_requests_come_the_less_each_costs(cpu, calls, rate, more):
    call = Call(cpu, calls=calls)
    assert billed(call, rate * more) <= billed(call, rate) * 1.0001
    assert cpu <= billed(call, rate) * 1.0001
    assert billed(call, rate) <= billed(call, 0) * 1.0001


def test_calls_that_are_made_together_are_waited_for_once():
    call = Call(0.1, calls=6, together=3, published=[10])
    assert billed_seconds(call, ALONE, 0.05, 1) == pytest.approx(0.1 + 4 * 0.05)


def test_an_instance_is_paid_for_its_processors_and_memory():
    cost = cost_of(Call(1), Instance(vcpus=2, memory=3 * GIB), ROUND)
    assert cost.instances == pytest.approx(2 * 1 + 3 * 10)
    assert cost.requests == 2


def test_a_small_message_counts_as_a_thousand_bytes_each_time():
    cost = cost_of(Call(0, published=[10, 5000], delivered=20), ALONE, ROUND)
    assert cost.messages == pytest.approx(1000 + 5000 + 1000)


def test_operations_are_paid_by_their_class():
    assert cost_of(Call(0, class_a=2, class_b=5), ALONE, ROUND).operations == pytest.approx(11)


def test_what_is_logged_is_paid_for():
    assert cost_of(Call(0, logged=2 * GIB), ALONE, ROUND).logs == 22


def test_costs_add_up():
    assert Cost(1, 2, 3, 4, 5) + Cost(10, 20, 30, 40, 50) == Cost(11, 22, 33, 44, 55)
    assert Cost(1, 2, 3, 4, 5).total == 15


def test_storage_and_egress_are_billed():
    assert storing(2 * GIB, ROUND) == 10
    assert sending(GIB / 2, ROUND) == 3.5


def test_every_price_says_where_it_is_from_and_when_that_was_read():
    document = tomllib.loads(PRICES.read_text())
    assert document["prices"].keys() == set(NAMES)
    for entry in document["prices"].values():
        assert entry["source"].startswith("https://cloud.google.com/")
        assert entry["copy"] in document["copies"]
    for copy in document["copies"].values():
        assert isinstance(copy["read"], date)
        assert ("address" in copy) == ("checked" in copy)
    prices = Prices.load(PRICES)
    assert prices.vcpu_second == 0.000024
    assert prices.free["log_gib"] == 50
    assert prices.since["alert_reference_month"] == date(2027, 9, 1)


def test_the_document_names_the_prices_that_no_dated_copy_confirms():
    prices = tomllib.loads(PRICES.read_text())["prices"]
    unsure = {name for name, entry in prices.items() if entry["copy"] in ("page", "none")}
    assert unsure == {"thousand_uptime_checks", "internet_gib", "build_minute"}
    sources = " ".join(DOCUMENT.read_text().split("## Sources")[1].split())
    for words in ("uptime checks", "internet traffic", "Cloud Build"):
        assert words in sources


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a table for each price"),
        ("prices = 5", "expected a table for each price"),
        ("prices", "Expected '='"),
        ("[prices.vcpu_second]\nusd = 1", "missing or unknown prices: alert_million_points"),
        (PRICES.read_text().replace("usd = 40", 'usd = "cheap"'), "message_tib.usd: 'cheap'"),
        (PRICES.read_text().replace("usd = 40", "usd = -1"), "expected a number, 0 or more"),
        (PRICES.read_text().replace("usd = 40", "usd = nan"), "expected a number, 0 or more"),
        (PRICES.read_text().replace("usd = 40\n", ""), "message_tib.usd: None"),
        (PRICES.read_text().replace("= 2027-09-01", "= 2027"), "from: 2027: expected a date"),
    ],
)
def test_a_mistake_in_the_prices_is_told(tmp_path, text, message):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(InvalidPrices, match=re.escape(message)) as raised:
        Prices.load(file)
    assert str(file) in str(raised.value)


def test_a_missing_file_is_reported():
    with pytest.raises(InvalidPrices, match=r"nowhere\.toml"):
        Prices.load(Path("nowhere.toml"))


def test_requests_to_storage_are_told_apart_by_what_they_cost():
    lines = [
        ("POST /upload/storage/v1/b/x/o?uploadType=multipart", 200, "a"),
        ("POST /upload/storage/v1/b/x/o?uploadType=resumable", 200, "a"),
        ("PUT /upload/storage/v1/b/x/o?uploadType=resumable&upload_id=5", 200, "free"),
        ("GET /storage/v1/b/x/o?prefix=a", 200, "a"),
        ("GET /storage/v1/b/x/o/a%2Fb?alt=json", 200, "b"),
        ("GET /storage/v1/b/x/o/a%2Fb?alt=json", 404, "free"),
        ("GET /download/storage/v1/b/x/o/a?alt=media", 200, "b"),
        ("GET /storage/v1/b/x?projection=noAcl", 200, "b"),
        ("DELETE /storage/v1/b/x/o/a", 204, "free"),
    ]
    log = "".join(
        f'storage | time=1 level=INFO msg="127.0.0.1 - - [1] \\"{line} HTTP/1.1\\" {status} 1\\n"\n'
        for line, status, _ in lines
    )
    requests = list(requests_in(log))
    assert [request.kind for request in requests] == [kind for *_, kind in lines]
    counted = Operations()
    for request in requests:
        counted.add(request)
    # The library asks for the bucket itself beside its work: that is charged, and not waited for.
    assert counted == Operations(class_a=3, class_b=3, calls=8)


def test_an_entry_of_the_log_is_larger_than_its_line():
    line = json.dumps({"severity": "INFO", "message": "accepted", "job": "0" * 32})
    longer = json.dumps({"severity": "INFO", "message": "accepted" + "!" * 100, "job": "0" * 32})
    assert line_bytes(line, "upload") > len(line) + 300
    assert line_bytes(longer, "upload") == line_bytes(line, "upload") + 100
    assert 500 < upload_request_bytes() < 2000
    assert 500 < push_request_bytes() < 2000


def test_a_line_that_is_no_object_is_refused():
    with pytest.raises(ValueError, match="expected a JSON object"):
        line_bytes("[1]", "upload")


@pytest.mark.parametrize("walk", RECORD.walks, ids=lambda walk: f"{walk.uploads} of {walk.page}")
def test_the_arithmetic_of_a_sweep_says_what_was_counted(walk):
    kept = Kept(walk.uploads, 1, 1, 2, brought=walk.brought / walk.uploads if walk.uploads else 0)
    listings = 3 * walk.uploads / walk.page
    page = walk.seconds / listings if walk.delay else 0.0
    run = run_of(kept, PACES, Assumed(0.0, page), 240, walk.page)
    assert run.share == 1
    others = 2 * month.QUICK_CALLS  # the walks over what is new, and recent
    assert run.class_a + others == pytest.approx(walk.class_a, rel=0.1)
    assert run.class_b + 1 == walk.class_b  # how far the walks are


def test_the_arithmetic_of_a_sweep_has_the_numbers_of_its_code():
    assert (month.PIECE, month.AT_ONCE) == (sweep.NOTED_EVERY, sweep.AT_ONCE)
    assert month.sweep_setting("sweep_walk_seconds") == 30
    assert Policy().drop_seconds is None  # originals of finished jobs are not looked at


@given(st.integers(0, 10**8), st.integers(0, 10**8))
def test_more_uploads_never_make_a_sweep_cheaper(one, other):
    fewer, more = sorted([one, other])
    small, large = (run_of(Kept(n, 1, 1, 2), PACES, Assumed(), 240) for n in (fewer, more))
    assert small.seconds <= large.seconds + 10  # a piece less may have one page less to read again
    assert small.share >= large.share
    assert large.seconds <= 240 + month.PIECE


def test_an_incomplete_sweep_costs_the_same_for_any_number_of_uploads():
    million, billion = (run_of(Kept(n, 1, 1, 2), PACES, Assumed(), 240) for n in (10**6, 10**9))
    assert million.seconds == pytest.approx(billion.seconds)
    assert million.class_a == pytest.approx(billion.class_a, rel=0.01)
    assert million.share == pytest.approx(1000 * billion.share)


def test_a_schedule_is_due_as_often_as_the_calendar_says():
    assert runs_a_month("*/15 * * * *") == 4 * 24 * 365 / 12
    assert runs_a_month("0 3 * * *") == 365 / 12
    assert runs_a_month("0 0 1 1 *") == 1 / 12


def test_what_is_free_each_month_is_deducted_once():
    prices = replace(ROUND, free={"log_gib": 50})
    assert month.after_free({"log_gib": 40}, prices) == 0
    assert month.after_free(month.plus({"log_gib": 40}, {"log_gib": 40}), prices) == 30 * 11
    assert month.dollars({"log_gib": 40, "vcpu_second": 2}, prices) == 442


def test_soft_delete_costs_as_many_days_more():
    topology = read_topology()
    kept = Kept(10, GIB, 1, 2)
    assert month.keeping_originals(kept) == {"stored_gib_month": 10}
    assert month.soft_deleted(kept, topology) == {"stored_gib_month": pytest.approx(10 * 7 / 30)}
    assert month.soft_deleted(replace(kept, has_originals=False), topology)["stored_gib_month"] == 0
    forever = structs.replace(
        topology, buckets={"originals": structs.replace(topology.buckets["processed"])}
    )
    assert month.soft_deleted(kept, forever)["stored_gib_month"] == 0


def test_idle_instances_are_billed_all_the_time():
    topology = read_topology()
    assert not any(month.warm(topology).values())
    upload = structs.replace(topology.functions["upload"], min_instances=2, cpu=1, memory=2 * GIB)
    used = month.warm(structs.replace(topology, functions={"upload": upload}))
    assert used == {"idle_vcpu_second": 2 * 730 * 3600, "idle_gib_second": 4 * 730 * 3600}


def test_the_document_has_what_the_command_prints(capsys):
    assert main([]) == 0
    printed = capsys.readouterr().out
    shown = DOCUMENT.read_text().partition(BEGIN)[2].partition(END)[0]
    assert shown.strip() == printed.strip(), (
        "docs/cost.md is older than what it is made of: "
        ".venv/bin/python -m bench.cost --into docs/cost.md"
    )


def test_other_prices_make_other_tables(tmp_path, capsys):
    dearer = tmp_path / "prices.toml"
    dearer.write_text(PRICES.read_text().replace("usd = 0.005\n", "usd = 5.0\n"))
    assert main(["--prices", str(dearer), "--kept", "2000"]) == 0
    printed = capsys.readouterr().out
    assert "| 2,000 kept |" in printed
    assert re.search(r"^\| 256 \|.* 15,000\.40 \|", printed, re.MULTILINE)


def test_the_tables_are_put_between_the_marks_of_a_document(tmp_path):
    document = tmp_path / "cost.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    for _ in range(2):
        assert main(["--into", str(document)]) == 0
        text = document.read_text()
        assert text.startswith(f"before\n{BEGIN}\n\n## Fixed costs per month")
        assert text.endswith(f"\n\n{END}\nafter\n")
        assert "old" not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prices", "none.toml"], "none.toml"),
        (["--record", "none.json"], "none.json: no record of this version"),
        (["--into", "{document}"], "expected the lines <!-- begin"),
    ],
)
def test_invalid_files_are_reported(tmp_path, capsys, arguments, message):
    document = tmp_path / "document.md"
    document.write_text("no marks")
    assert main([argument.format(document=document) for argument in arguments]) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert told.out == ""
    assert document.read_text() == "no marks"


@pytest.mark.parametrize(
    "arguments", [["--kept", "1,many"], ["--kept", "0"], ["--latency", "0"], ["--slower", "nan"]]
)
def test_invalid_numbers_are_refused(capsys, arguments):
    with pytest.raises(SystemExit):
        main(arguments)
    assert "expected a" in capsys.readouterr().err


def test_a_record_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "record.json"
    RECORD.write(path)
    assert Record.load(path) == RECORD


def test_a_record_of_another_version_is_refused(tmp_path):
    path = tmp_path / "record.json"
    path.write_text(json.dumps({**asdict(RECORD), "weather": "fine"}))
    with pytest.raises(InvalidRecord, match="weather"):
        Record.load(path)


def test_every_setting_was_measured_with_its_sizes_together_and_alone():
    for picture in RECORD.pictures:
        for options in SETTINGS:
            assert picture.with_options(options).resize.cpu_seconds > 0
            for size in options["sizes"].split(","):
                picture.with_options({**options, "sizes": size})
    with pytest.raises(InvalidRecord, match="was not measured with"):
        RECORD.pictures[0].with_options({"sizes": "7"})
