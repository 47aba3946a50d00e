"""What CONTRIBUTING.md names is there."""

import re

import pytest

from emulator.bootstrap import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
FOLDERS = ("functions", "emulator", "tests", "infra", "bench", "docs")
PATHS = re.findall(rf"`((?:{'|'.join(FOLDERS)})(?:/[\w./-]*)?)`", TEXT)


def test_every_path_that_it_names_exists():
    assert len(PATHS) > 30
    assert [path for path in PATHS if not (ROOT / path).exists()] == []


def test_every_layer_and_every_package_has_a_line():
    layers = {f"tests/{path.parent.name}" for path in (ROOT / "tests").glob("*/test_*.py")}
    packages = {
        str(path.parent.relative_to(ROOT))
        for pattern in ("functions/quickthumb/*/__init__.py", "emulator/*/__init__.py")
        for path in ROOT.glob(pattern)
    }
    minor = {"functions/quickthumb/logs", "functions/quickthumb/sweeping"}
    assert layers | packages - minor <= {*PATHS}


@pytest.mark.parametrize("word", ["table", "COMMANDS", "FORMATS", "add_arguments", "departure"])
def test_every_name_of_the_code_that_it_uses_is_one(word):
    assert f"`{word}`" in TEXT
    code = "\n".join(
        path.read_text()
        for folder in ("functions", "emulator", "tests/conformance")
        for path in (ROOT / folder).rglob("*.py")
    )
    assert re.search(rf"\b{word}\b", code)
