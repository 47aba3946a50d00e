"""The command `test`: what it runs, and what it says of it."""

import argparse
import subprocess

import pytest
import yaml

from emulator.bootstrap import ROOT
from emulator.commands import test as command
from tests.layers import Layers, layer_of

LINT = [("ruff", "check"), ("ruff", "format", "--check")]


@pytest.fixture
def gate(monkeypatch):
    """Give a function that runs the command with programs that do nothing; it returns which."""
    ran = []

    def started(arguments, **options):
        ran.append((*arguments[2:],))
        status = 1 if "-k" in arguments or options["env"].get("FAILS") == arguments[2] else 0
        return subprocess.CompletedProcess(arguments, status, stdout="what it printed\n")

    monkeypatch.setattr(command.subprocess, "run", started)

    def run(*pytest_options, fast=False):
        return command.run(argparse.Namespace(fast=fast, pytest=[*pytest_options])), ran

    return run


def test_all_of_it_is_tests_lint_and_types_and_each_has_its_time(gate, capsys):
    status, ran = gate()
    assert status == 0
    tests, types = next(each for each in ran if each[0] == "pytest"), ("mypy",)
    assert sorted(ran) == sorted([*LINT, types, tests])
    assert "slow" not in " ".join(tests)
    *_, told = capsys.readouterr().out.partition("what it printed\n")
    lines = told.strip().splitlines()
    assert [line.split("  ")[0] for line in lines[:-1]] == [
        *map(" ".join, LINT),
        " ".join(tests),
        "mypy",
    ]
    assert all(line.endswith(" s") for line in lines)


@pytest.mark.parametrize("fails", ["ruff", "pytest", "mypy"])
def test_a_failed_check_is_named_and_fails_the_gate(gate, monkeypatch, capsys, fails):
    monkeypatch.setenv("FAILS", fails)
    status, ran = gate()
    assert status == 1
    assert len(ran) == 4  # the others run nevertheless
    failed = [line for line in capsys.readouterr().out.splitlines() if line.endswith("FAILED")]
    assert {line.split()[0] for line in failed} == {fails}


def test_the_fast_gate_skips_slow_tests_and_says_so(gate, capsys):
    status, ran = gate("-x", fast=True)
    assert status == 0
    (tests,) = (each for each in ran if each[0] == "pytest")
    assert tests[-4:] == ("tests/unit", "-m", "not slow", "-x")
    assert {*LINT, ("mypy",)} < {*ran}
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("Left out: unit tests marked `slow`, ")
    layers = {path.parent for path in (ROOT / "tests").glob("*/test_*.py")} - {ROOT / "tests/unit"}
    assert {f"tests/{layer.name}" for layer in layers} == set(
        last.partition(", ")[2].partition(". ")[0].split(", ")
    )


def test_with_options_pytest_runs_alone_and_ends_as_it_does(gate):
    status, ran = gate("-k", "orientation")
    assert (status, ran) == (1, [("pytest", "-k", "orientation")])


def test_tests_do_not_find_the_cloud_of_the_shell(gate, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    seen = []
    monkeypatch.setattr(
        command.subprocess,
        "run",
        lambda arguments, env, **_: (
            seen.append(env) or subprocess.CompletedProcess(arguments, 0, stdout="")
        ),
    )
    gate()
    assert len(seen) == 4
    assert not any("STORAGE_EMULATOR_HOST" in env for env in seen)


def test_pre_commit_runs_the_checks_of_the_gate_without_a_network():
    document = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [each["repo"] for each in document["repos"]] == ["local"]
    hooks = document["repos"][0]["hooks"]
    assert {each["language"] for each in hooks} == {"system"}
    checks = {tuple(each["entry"].split()) for each in hooks}
    python = (".venv/bin/python", "-m")
    assert {(*python, *lint) for lint in (*LINT, ("mypy",))} <= checks
    assert ("python3", "-m", "emulator", "test", "--fast") in checks


def test_the_layers_add_up():
    def report(nodeid, when, duration):
        return argparse.Namespace(nodeid=nodeid, when=when, duration=duration)

    layers = Layers()
    for nodeid in ("tests/unit/test_a.py::test_b[1/2]", "tests/e2e/test_c.py::test_d@cloud"):
        for when, duration in (("setup", 1.0), ("call", 20.0), ("teardown", 0.5)):
            layers.pytest_runtest_logreport(report(nodeid, when, duration))
    layers.pytest_runtest_logreport(report("tests/unit/test_a.py::test_e", "setup", 3.0))
    assert [line.split() for line in layers.table()] == [
        ["unit", "2", "tests", "24.5", "s"],
        ["e2e", "1", "tests", "21.5", "s"],
        ["all", "3", "tests", "46.0", "s"],
    ]


@pytest.mark.parametrize(
    ("nodeid", "layer"),
    [
        ("tests/unit/pubsub/test_a.py::test_b", "unit"),
        ("tests/test_a.py::test_b[x/y]", "tests"),
        ("tests/infra/stub/test_a.py::test_b", "infra"),
    ],
)
def test_a_layer_is_a_folder_below_tests(nodeid, layer):
    assert layer_of(nodeid) == layer
