"""`env`: the environment for running a function by hand, as shell commands."""

import argparse
import shlex
import sys
from pathlib import Path

from emulator.options import add_data_option
from emulator.parts.functions import SOURCE, environment
from emulator.ports import HOST, is_free
from emulator.running import expect
from emulator.topology_file import read_topology

_FIRST_PORT = 8081


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_data_option(parser)


def run(args: argparse.Namespace) -> int:
    """Print the commands; they are valid while `up` runs."""
    addresses = expect(args.data)
    variables: dict[str, str] = {}
    for name, function in read_topology().functions.items():
        variables |= environment(function, addresses, addresses.tokens.get(name))
    variables |= {
        "FUNCTION_SOURCE": str(SOURCE),
        "HOST": HOST,
        "PORT": str(next(port for port in range(_FIRST_PORT, 65536) if is_free(port))),
    }
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")
    programs = shlex.quote(str(Path(sys.executable).parent))
    print(f'export PATH={programs}:"$PATH"')
    return 0
