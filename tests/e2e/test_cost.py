"""What bench.cost measures, measured here on a small scale."""

import re

import pytest

from bench.cost import __main__ as command
from bench.cost import month, sweeps
from bench.cost.month import Assumed, Kept, Paces
from bench.cost.record import Record
from tests import needs
from tests.pictures import ROCKET

MEASURE_ANEW = (
    "The functions no longer take what docs/cost.md says: .venv/bin/python -m bench.cost --measure "
    "--write-record bench/cost/measured.json --into docs/cost.md"
)
pytestmark = needs.linux("measuring reads /proc: Linux")


@pytest.fixture(autouse=True)
def emulator_hosts(monkeypatch):
    """The measurement sets it, for itself."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "")


def test_what_a_picture_takes_becomes_dollars(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(command, "SETTINGS", ({"sizes": "64,128"}, {"sizes": "256"}))
    written = tmp_path / "record.json"
    arguments = ["--rounds", "2", "--write-record", str(written), str(ROCKET)]
    assert command.main(arguments) == 0
    printed = capsys.readouterr().out
    assert "| rocket.jpg, 0.11 MB |" in printed
    (row,) = re.findall(r"^\| 64, 128 (\|.*) \|$", printed, re.MULTILINE)
    *_, requests, messages, operations, logs, total, per_size = row.split(" | ")
    assert float(requests) == 0.8  # two requests for each upload
    assert float(messages) > 0.1  # a job twice and an event, of 1,000 bytes or more each
    assert float(operations) > 4 * 5  # an original, two thumbnails and a manifest are written
    assert float(logs) > 1  # two lines and two requests, of a thousand bytes or so each
    assert float(total.strip("*")) > float(operations)
    assert float(per_size.split(" ")[0]) > 6 * 5  # an original, a thumbnail, a manifest, twice
    assert re.search(r"\d+ of \d+ MiB by `resize`", printed)
    assert "`sweep`" in printed  # as measured before

    taken = Record.load(written).pictures[0].with_options({"sizes": "256"})
    before = Record.load().pictures[0].with_options({"sizes": "256"})
    for now, then in [(taken.upload, before.upload), (taken.resize, before.resize)]:
        assert now.waits == pytest.approx(then.waits, abs=0.9), MEASURE_ANEW
        assert now.class_a == pytest.approx(then.class_a, abs=0.4), MEASURE_ANEW
        assert now.logged == pytest.approx(then.logged, rel=0.1), MEASURE_ANEW


@pytest.mark.parametrize(
    "case",
    [sweeps.Case(0), sweeps.Case(60, page=20), sweeps.Case(40, brought=20, page=20)],
    ids=["nothing kept", "some pages", "pictures of other programs"],
)
def test_a_sweep_asks_for_what_the_arithmetic_says(case, tmp_path):
    (walk,) = sweeps.walks(tmp_path, (case,))
    brought = case.brought / case.uploads if case.uploads else 0.0
    kept = Kept(case.uploads, 1, 1, 2, brought)
    run = month.run_of(kept, Paces.of(Record.load().walks), Assumed(), 240, case.page)
    others = 2 * month.QUICK_CALLS
    assert walk.class_a == pytest.approx(run.class_a + others, abs=2), MEASURE_ANEW
    assert walk.class_b == pytest.approx(run.class_b + 1, abs=2), MEASURE_ANEW
    assert walk.logged > 500
