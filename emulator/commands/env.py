"""`env`: what a function needs to be run by hand, as lines for a shell."""

import argparse
import os
import shlex

from emulator.bootstrap import VENV
from emulator.errors import InvalidOption
from emulator.options import add_data_option
from emulator.parts.functions import SOURCE, environment
from emulator.ports import HOST, is_free
from emulator.running import find
from emulator.topology_file import read_topology

_FIRST_PORT = 8081


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_data_option(parser)


def run(args: argparse.Namespace) -> int:
    """Print the lines; they make sense only while `up` runs."""
    addresses = find(args.data)
    if addresses is None:
        raise InvalidOption(
            f"Nothing runs on {args.data}: start `python3 -m emulator up` in another terminal."
        )
    variables: dict[str, str] = {}
    for name, function in read_topology().functions.items():
        variables |= environment(function, addresses, addresses.tokens.get(name))
    variables |= {
        "FUNCTION_SOURCE": str(SOURCE),
        "HOST": HOST,
        "PORT": str(next(port for port in range(_FIRST_PORT, 65536) if is_free(port))),
    }
    folder = VENV / ("Scripts" if os.name == "nt" else "bin")
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")
    print(f'export PATH={shlex.quote(str(folder))}:"$PATH"')
    return 0
