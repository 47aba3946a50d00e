"""`test`: all checks that a change must pass."""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from emulator.bootstrap import ROOT

_WORKERS = (os.cpu_count() or 1) + 1  # one more than processors: many tests wait for servers
_FAST = ("tests/unit", "-m", "not slow")


@dataclass(frozen=True, slots=True)
class _Step:
    """A program that has run; `output` is empty unless it was captured."""

    name: str
    status: int
    seconds: float
    output: str

    def __str__(self) -> str:
        return f"{self.name:50} {self.seconds:7.1f} s{'  FAILED' if self.status else ''}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.usage = "python3 -m emulator test [-h] [--fast] [PYTEST OPTION ...]"
    parser.epilog = "With pytest options, as in `test -k orientation`, only pytest runs."
    parser.add_argument(
        "--fast",
        action="store_true",
        help="run only lint, type checks, and the unit tests that are not marked `slow`",
    )


def run(args: argparse.Namespace) -> int:
    """Run all checks, even if one fails; return 1 or more if one failed."""
    if args.pytest and not args.fast:
        return _run("pytest", *args.pytest).status
    began = time.monotonic()
    tests = (*_FAST, *args.pytest) if args.fast else ()
    with ThreadPoolExecutor(1) as beside:
        types = beside.submit(_run, "mypy", capture=True)
        steps = [
            _run("ruff", "check"),
            _run("ruff", "format", "--check"),
            _run("pytest", "-n", str(_WORKERS), "--dist", "loadgroup", *tests),
        ]
    steps.append(types.result())
    print(types.result().output, *steps, sep="\n")
    print(f"{'total; mypy ran in parallel':50} {time.monotonic() - began:7.1f} s")
    if args.fast:
        print(f"Left out: {', '.join(_left_out())}. Run `python3 -m emulator test` for all.")
    return max(step.status for step in steps)


def _run(*arguments: str, capture: bool = False) -> _Step:
    """Run a Python module; show its output, or capture it."""
    command = [sys.executable, "-m", *arguments]
    if not capture:
        print(f"$ python {' '.join(command[1:])}", flush=True)
    # Tests must not use the cloud of a shell that ran `env`.
    env = {name: value for name, value in os.environ.items() if not name.endswith("EMULATOR_HOST")}
    began = time.monotonic()
    out = subprocess.PIPE if capture else None
    done = subprocess.run(command, cwd=ROOT, env=env, check=False, text=True, stdout=out)
    seconds = time.monotonic() - began
    return _Step(" ".join(arguments), done.returncode, seconds, done.stdout or "")


def _left_out() -> list[str]:
    """Return what `--fast` leaves out."""
    layers = {file.relative_to(ROOT).parts[1] for file in ROOT.glob("tests/*/**/test_*.py")}
    return ["unit tests marked `slow`", *(f"tests/{name}" for name in sorted(layers - {"unit"}))]
