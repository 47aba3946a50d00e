"""bench.budget, in its shortest form."""

import re

from bench import budget
from tests import needs


@needs.linux("measuring reads /proc: Linux")
def test_all_tables_are_measured(capsys):
    assert budget.main(["--uploads", "5", "--starts", "1"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^all +[1-9]\d*\.\d$", printed, re.MULTILINE)
    assert "storage requests, 1 thumbnails: 4\n" in printed
    assert "storage requests, 4 thumbnails: 7\n" in printed
    hops = dict(re.findall(r"^(\w+: .+?) +(\d+\.\d) +\d+\.\d ms$", printed, re.MULTILINE))
    assert (hops["upload: storage create"], hops["resize: storage write"]) == ("1.0", "2.0")
    for what in ("upload, to first 202", "resize, to first job"):
        assert re.search(rf"^{what} +\d+\.\d\d s", printed, re.MULTILINE)
