"""Ports of this machine, on the loopback interface only."""

import secrets
import socket

HOST = "127.0.0.1"


def free_port(host: str = HOST) -> int:
    """Return a port that nobody listens on at the moment.

    Raises:
        OSError: the address is none of this machine.
    """
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def hidden_host() -> str | None:
    """Return an address of this machine that no web page finds, None where it has but one.

    On Linux and Windows all of 127.0.0.0/8 is this machine, so that one address in 16 million is
    picked; macOS has 127.0.0.1 alone. Programs of this machine can look it up, pages cannot: they
    would have to try each with each port.
    """
    host = ".".join(["127", *(str(secrets.choice(range(1, 255))) for _ in range(3))])
    try:
        free_port(host)
    except OSError:
        return None
    return host


def is_free(port: int) -> bool:
    """Tell whether a server could listen on a port."""
    with socket.socket() as probe:
        # As servers do it: connections of a server that has just ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def answers(port: int, host: str = HOST) -> bool:
    """Tell whether a server accepts connections on a port."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex((host, port)) == 0
