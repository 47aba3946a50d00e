"""bench.growth, in its shortest form."""

import re

from bench import growth
from tests import needs

pytestmark = needs.linux("copies attributes of files: Linux")


def test_it_measures_many_uploads_and_a_full_folder(monkeypatch, capsys):
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "")
    for name, least in {"WARMING": 1, "FEW": 2, "ROUNDS": 1, "BLOCK": 3, "ASKED": 2}.items():
        monkeypatch.setattr(growth, name, least)
    assert growth.main(["--uploads", "5", "--kept", "20"]) == 0
    printed = capsys.readouterr().out
    assert re.findall(r"^\| (\d+) \|", printed, re.MULTILINE) == ["3", "5"]
    assert "wrote 20 jobs" in printed
    [walk] = re.findall(r"^\| originals visited \| (.*?) \| (.*?) ", printed, re.MULTILINE)
    assert walk == ("0.0", "23.0")  # the one that is new by three walks
    assert re.search(r"^\| DELETE, ms \| ", printed, re.MULTILINE)
