"""`test`: everything that must hold before a change lands."""

import argparse
import os
import subprocess
import sys

from emulator.bootstrap import ROOT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.usage = "python3 -m emulator test [-h] [PYTEST OPTION ...]"
    parser.epilog = "With options for pytest, as in `test -k orientation`, pytest runs alone."


def run(args: argparse.Namespace) -> int:
    """Run tests, lint and types, all of them; fail if one fails."""
    pytest = [*("-m", "pytest"), *(args.pytest or ("-n", "auto"))]
    if args.pytest:
        return _python(*pytest)
    statuses = [
        _python(*pytest),
        _python("-m", "ruff", "check"),
        _python("-m", "ruff", "format", "--check"),
        _python("-m", "mypy"),
    ]
    return max(statuses)


def _python(*arguments: str) -> int:
    print(f"$ python {' '.join(arguments)}", flush=True)
    # Tests must not find the cloud of a shell that ran `env`.
    env = {name: value for name, value in os.environ.items() if not name.endswith("EMULATOR_HOST")}
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=env, check=False).returncode
