"""Reads the documents of the repository: their links and commands."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from emulator.bootstrap import ROOT

FOLDERS = ("docs", "infra", "emulator", "functions", "bench", "tests")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(p for f in FOLDERS for p in (ROOT / f).rglob("*.md"))])


@dataclass(frozen=True, slots=True)
class Command:
    """A command in a console block.

    Attributes:
        document: path of the document.
        line: what to type.
        output: what the document shows below it; empty if nothing.
    """

    document: Path
    line: str
    output: str


def commands(document: Path) -> Iterator[Command]:
    """Yield the commands of a document, in order."""
    return commands_in(document.read_text(), document)


def commands_in(text: str, document: Path) -> Iterator[Command]:
    """Yield the commands of a part of a document, in order."""
    for block in re.findall(r"^```(?:console|sh)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, output = part.partition("\n")
            yield Command(document, line, output.rstrip("\n"))


def links(document: Path) -> list[str]:
    """Return the targets of the links and images of a document, except URLs."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"`[^`]*`", "", text)
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]


def resolves(document: Path, link: str) -> bool:
    """Return whether the file of a relative link exists, and has the linked heading."""
    path, _, anchor = link.partition("#")
    target = document.parent / path if path else document
    return target.exists() and (not anchor or anchor in anchors(target))


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub creates for the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}
