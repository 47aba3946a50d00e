import re

from bench import cost
from tests.pictures import ROCKET


def test_what_a_picture_takes_becomes_dollars(monkeypatch, capsys):
    monkeypatch.setattr(cost, "SETTINGS", ({"sizes": "64,128"},))
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "")  # the measurement sets it
    assert cost.main(["--rounds", "2", str(ROCKET)]) == 0
    printed = capsys.readouterr().out
    (row,) = re.findall(r"^64,128 .*$", printed, re.MULTILINE)
    *_, requests, messages, operations, total, per_size, ratio = row.split()
    assert float(requests) == 0.8  # two requests for each upload
    assert float(messages) > 0.1  # a job twice and an event, of 1,000 bytes or more each
    assert float(operations) > 4 * 5  # an original, two thumbnails and a manifest are written
    assert float(per_size) > float(total)
    assert re.fullmatch(r"\(1\.\dx\)", ratio)
    assert re.search(r"memory of resize: [1-9]\d+ MB at most", printed)


def test_prices_that_cannot_be_read_are_told(tmp_path, capsys):
    assert cost.main(["--prices", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml" in capsys.readouterr().err
