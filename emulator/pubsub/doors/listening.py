"""Sockets that listen at a host name's addresses."""

import errno
import socket
from contextlib import ExitStack

# Connections that wait to be accepted; a test suite may open hundreds at once.
BACKLOG = 1024


def listeners(host: str, port: int) -> list[socket.socket]:
    """Return sockets that listen at all addresses of a host on this machine, at the same port.

    A name such as `localhost` has several addresses, and clients may try any of them first.

    Args:
        host: Address or host name.
        port: Port to listen on; 0 for a free one.

    Raises:
        OSError: If the port is taken, or the host is not this machine.
    """
    missing: OSError | None = None
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    with ExitStack() as unused:
        found: list[socket.socket] = []
        for family, address in dict.fromkeys((entry[0], str(entry[4][0])) for entry in entries):
            try:
                listener = socket.create_server((address, port), family=family, backlog=BACKLOG)
            except OSError as error:
                # `localhost` often has an IPv6 address although the machine has no IPv6.
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                missing = error
            else:
                found.append(unused.enter_context(listener))
                port = listener.getsockname()[1]
        if not found:
            raise missing or OSError(f"{host} has no address")
        unused.pop_all()
    return found
