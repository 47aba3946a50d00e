"""What a host name to listen on stands for."""

import errno
import socket


def addresses(host: str, port: int) -> tuple[list[str], int]:
    """Return the addresses of a host on this machine, and a port that is free at all of them.

    A name such as `localhost` has several addresses, and clients may try any of them first.

    Args:
        host: Address or host name.
        port: Port to listen on; 0 for a free one.

    Raises:
        OSError: If the port is taken, or the host is not this machine.
    """
    found: list[str] = []
    missing: OSError | None = None
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for family, address in dict.fromkeys((entry[0], str(entry[4][0])) for entry in entries):
        try:
            with socket.create_server((address, port), family=family) as probe:
                port = probe.getsockname()[1]
                found.append(address)
        except OSError as error:
            # `localhost` often has an IPv6 address although the machine has no IPv6.
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                raise
            missing = error
    if not found:
        raise missing or OSError(f"{host} has no address")
    return found, port
