import re

from emulator.bootstrap import ROOT

TESTS = re.findall(r"`((?:tests|bench)/[\w/.]+|test_\w+\.py)`", (ROOT / "SECURITY.md").read_text())


def test_every_test_that_the_document_names_is_there():
    assert TESTS
    names = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert [each for each in TESTS if not (ROOT / each).exists() and each not in names] == []
