"""The document on the API is correct, and its clients work."""

import re
import shutil
import subprocess
import sys

import pytest

from emulator.bootstrap import ROOT
from quickthumb.documents.rendition import MAX_SIZE
from quickthumb.options import MAX_RENDITIONS, OPTIONS
from quickthumb.problems import PROBLEMS
from tests.pictures import ROCKET, size_of
from tests.settings import settings_with

PAGE = (ROOT / "docs" / "api.md").read_text()


def client(language, folder):
    """Return the command that runs the client of the page."""
    [code] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert len([line for line in code.splitlines() if line]) <= 10
    program = folder / {"python": "thumb.py", "js": "thumb.mjs"}[language]
    program.write_text(code)
    if language == "python":
        return [sys.executable, str(program)]
    node = shutil.which("node")
    if not node:
        pytest.skip("needs Node.js 18 or newer (Debian: nodejs)")
    return [node, str(program)]


@pytest.mark.parametrize("language", ["python", "js"])
def test_a_client_of_ten_lines_gets_a_thumbnail(language, url, tmp_path):
    command = [*client(language, tmp_path), url, str(ROCKET)]
    result = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    assert size_of(result.stdout) == (256, 171)


@pytest.mark.parametrize("language", ["python", "js"])
def test_a_client_of_ten_lines_says_what_was_wrong(language, url, tmp_path):
    command = [*client(language, tmp_path), url, str(ROOT / "README.md")]
    result = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert result.returncode != 0
    assert result.stdout == b""
    assert b"Unrecognised file format: expected JPEG" in result.stderr


def rows(first):
    """Return the cells of the table whose first heading is given."""
    table = re.search(rf"^\| {first} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)[1]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_the_table_of_problems_is_that_of_the_service():
    kinds = sorted(PROBLEMS.values(), key=lambda kind: (kind.status, kind.code))
    expected = [[f"`{kind.code}`", str(kind.status), kind.meaning] for kind in kinds]
    assert rows("code") == expected


def test_the_table_of_options_names_each_with_its_values_and_default():
    table = {option.strip("`"): (values, default) for option, values, default in rows("option")}
    assert list(table) == list(OPTIONS)
    for name, option in OPTIONS.items():
        values, default = table[name]
        for allowed in option.schema.get("enum", ()):
            assert f"`{allowed}`" in values
        for limit in ("minimum", "maximum"):
            if limit in option.schema:
                assert f"{option.schema[limit]:,}" in values
        if "default" in option.schema:
            assert default == f"`{option.schema['default']}`"
    assert f"1 to {MAX_SIZE}" in table["sizes"][0]
    assert (MAX_RENDITIONS, "up to eight" in table["sizes"][0]) == (8, True)


def test_the_limits_are_those_of_the_settings():
    settings = settings_with()
    assert f"up to {settings.max_files} in a form" in PAGE
    assert f"More than {settings.max_upload_bytes // 2**20} MiB" in PAGE
    assert f"for {settings.max_wait_seconds} seconds at most" in PAGE
