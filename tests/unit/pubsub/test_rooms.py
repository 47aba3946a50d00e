"""Which part of the broker may import which."""

import ast

import pytest

from emulator.bootstrap import ROOT

PACKAGE = ROOT / "emulator" / "pubsub"
FILES = sorted(PACKAGE.rglob("*.py"))

# What tells the time, waits, or leaves the process.
OUTSIDE = {"asyncio", "grpc", "h11", "socket", "sqlite3", "ssl", "subprocess", "threading", "time"}


def imported(file):
    """Return the full names of the modules that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: relative import"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def of(room):
    return [file for file in FILES if file.is_relative_to(PACKAGE / room)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_the_broker_imports_nothing_else_of_this_repository(file):
    for name in imported(file):
        assert not name.startswith(("functions", "quickthumb", "bench", "infra", "tests"))
        if name.startswith("emulator"):
            assert name == "emulator.pubsub" or name.startswith("emulator.pubsub.")


@pytest.mark.parametrize(
    ("room", "others"),
    [
        ("rules", ("doors", "journal", "topology")),
        ("doors", ("journal", "topology")),
        ("journal", ("doors", "topology")),
        ("topology", ("doors", "journal")),
    ],
)
def test_the_arrows_between_rooms_lead_to_the_rules(room, others):
    assert of(room)
    for file in of(room):
        names = imported(file)
        for other in others:
            assert not any(name.startswith(f"emulator.pubsub.{other}") for name in names), file
        assert "emulator.pubsub.broker" not in names, file


def test_the_rules_know_no_clock_no_socket_and_no_file():
    for file in of("rules"):
        assert not {name.partition(".")[0] for name in imported(file)} & OUTSIDE, file
