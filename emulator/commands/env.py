"""`env`: the environment for running a function by hand, as shell commands."""

import argparse

from emulator.options import add_app_options, add_data_option, data_of, source_of, topology_of
from emulator.parts.functions import environment
from emulator.ports import HOST, is_free
from emulator.running import expect
from emulator.shells import SHELLS, assign, put_first, usual

_FIRST_PORT = 8081


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_data_option(parser)
    add_app_options(parser)
    parser.add_argument(
        "--shell",
        choices=SHELLS,
        default=usual(),
        help=f"whose commands to print (default: {usual()}); cmd: those of a batch file",
    )


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
        print(assign(args.shell, name, value))
    print(put_first(args.shell, "PATH", str(source.python.parent)))
    return 0
