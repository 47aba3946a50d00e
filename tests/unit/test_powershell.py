"""Who has Windows finds what to type for each command of the documents."""

import re

import pytest

from emulator.bootstrap import ROOT
from tests.documents import commands, links

TOLD = ROOT / "docs/windows.md"
DOCUMENTS = [
    *(ROOT / "README.md", ROOT / "CONTRIBUTING.md"),
    *(ROOT / "docs" / f"{name}.md" for name in ("api", "ten-minutes", "controls")),
    ROOT / "docs/your-own-functions.md",
]

# What both shells read alike, but for the names of programs. A comma makes a list in PowerShell.
PLAIN = r"""[\w ./:=@+-]|'[^'"]*'|"[^"$`\\']*\""""
SAME = re.compile(rf"(?:python3|curl|functions-framework) (?:{PLAIN})*")


def rows():
    """Return patterns for the commands that the table translates."""
    found = re.findall(r"^\| `(.*?)` \| ``?(.*?)``? \|$", TOLD.read_text(), re.MULTILINE)
    return [pattern(bash) for bash, _powershell in found]


def pattern(cell):
    parts = [re.escape(part) for part in cell.replace(r"\|", "|").split("…")]
    return re.compile(".*".join(parts).replace("FILE", r"\S+"))


def is_told(line):
    same = SAME.fullmatch(line) and ".venv/bin" not in line and "/dev/" not in line
    return bool(same) or any(row.fullmatch(line) for row in rows())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_each_command_is_the_same_in_powershell_or_translated(document):
    assert [each.line for each in commands(document) if not is_told(each.line)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_a_document_with_commands_leads_to_the_translation(document):
    assert [link for link in links(document) if link.partition("#")[0].endswith("windows.md")]


@pytest.mark.parametrize(
    "line",
    [
        "curl -s http://127.0.0.1:8080/ | head",
        "python3 -m emulator thumb a.jpg --sizes 1,2 --json",
        "curl -F 'a={\"b\": 1}' http://127.0.0.1:8080/",
        'curl -H "X-Other: $OTHER" http://127.0.0.1:8080/',
        "curl -o /dev/null http://127.0.0.1:8080/",
        "rm -r data",
    ],
)
def test_a_command_that_only_bash_understands_is_found(line):
    assert not is_told(line)
