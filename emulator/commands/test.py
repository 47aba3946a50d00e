"""`test`: everything that must hold before a change lands."""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from emulator.bootstrap import ROOT

_WORKERS = (os.cpu_count() or 1) + 1  # one more than processors: many tests wait for a server
_FAST = ("tests/unit", "-m", "not slow")


@dataclass(frozen=True, slots=True)
class _Step:
    """A program that has run, and how it ended.

    Attributes:
        name: the program and its arguments.
        status: its exit status.
        seconds: how long it ran.
        output: what it printed, where that was kept.
    """

    name: str
    status: int
    seconds: float
    output: str

    def __str__(self) -> str:
        return f"{self.name:50} {self.seconds:7.1f} s{'  FAILED' if self.status else ''}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.usage = "python3 -m emulator test [-h] [--fast] [PYTEST OPTION ...]"
    parser.epilog = "With options for pytest, as in `test -k orientation`, pytest runs alone."
    parser.add_argument(
        "--fast",
        action="store_true",
        help="leave out whatever takes long: run lint, types, and the unit tests that are not "
        "marked `slow`",
    )


def run(args: argparse.Namespace) -> int:
    """Run tests, lint and types, all of them; fail if one fails."""
    if args.pytest and not args.fast:
        return _run("pytest", *args.pytest).status
    began = time.monotonic()
    tests = (*_FAST, *args.pytest) if args.fast else ()
    with ThreadPoolExecutor(1) as beside:
        types = beside.submit(_run, "mypy", keep=True)
        steps = [
            _run("ruff", "check"),
            _run("ruff", "format", "--check"),
            _run("pytest", "-n", str(_WORKERS), "--dist", "loadgroup", *tests),
        ]
    steps.append(types.result())
    print(types.result().output, *steps, sep="\n")
    print(f"{'all; types were checked beside the others':50} {time.monotonic() - began:7.1f} s")
    if args.fast:
        print(f"Left out: {', '.join(_left_out())}. `python3 -m emulator test` runs them too.")
    return max(step.status for step in steps)


def _run(*arguments: str, keep: bool = False) -> _Step:
    """Run a module of Python; print what it says at once, or keep it."""
    command = [sys.executable, "-m", *arguments]
    if not keep:
        print(f"$ python {' '.join(command[1:])}", flush=True)
    # Tests must not find the cloud of a shell that ran `env`.
    env = {name: value for name, value in os.environ.items() if not name.endswith("EMULATOR_HOST")}
    began = time.monotonic()
    done = subprocess.run(
        command, cwd=ROOT, env=env, check=False, text=True, stdout=subprocess.PIPE if keep else None
    )
    seconds = time.monotonic() - began
    return _Step(" ".join(arguments), done.returncode, seconds, done.stdout or "")


def _left_out() -> list[str]:
    """Return what is not run by `--fast`."""
    layers = {file.relative_to(ROOT).parts[1] for file in ROOT.glob("tests/*/**/test_*.py")}
    return ["unit tests marked `slow`", *(f"tests/{name}" for name in sorted(layers - {"unit"}))]
