"""`env`: the environment for running a function by hand, as shell commands."""

import argparse
import shlex

from emulator.options import add_app_options, add_data_option, data_of, source_of, topology_of
from emulator.parts.functions import environment
from emulator.ports import HOST, is_free
from emulator.running import expect

_FIRST_PORT = 8081


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_data_option(parser)
    add_app_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print the commands; they are valid while `up` runs."""
    topology, source = topology_of(args), source_of(args)
    addresses = expect(data_of(args))
    variables: dict[str, str] = {}
    for name, function in topology.functions.items():
        variables |= environment(function, addresses, addresses.tokens.get(name), source)
    variables |= {
        "FUNCTION_SOURCE": str(source.file),
        "HOST": HOST,
        "PORT": str(next(port for port in range(_FIRST_PORT, 65536) if is_free(port))),
    }
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")
    programs = shlex.quote(str(source.python.parent))
    print(f'export PATH={programs}:"$PATH"')
    return 0
