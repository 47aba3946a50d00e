"""Ports on the loopback interface."""

import errno
import secrets
import socket
from collections import deque

HOST = "127.0.0.1"

_SERVERS = range(16_384, 32_768)
"""Below the ports of outgoing connections, which take one in between: from 32,768 on Linux, and
49,152 elsewhere."""

_given = set[int]()
"""Ports that this process has returned: one stays free until its server listens."""

_MOST_CLAIMS = 64

_claims = deque[int]()
"""Handles of UDP sockets at the ports returned last, by which other processes see that they are
given, until a server listens and while it is started again."""


def free_port(host: str = HOST) -> int:
    """Return a port that is free at the moment, another one each time.

    Other processes of this machine are not given it either, unless this one asks for many more.

    Raises:
        OSError: this machine does not have the address, or no free port.
    """
    for port in secrets.SystemRandom().sample(_SERVERS, 1000):
        if port in _given:
            continue
        with socket.socket(type=socket.SOCK_DGRAM) as claim, socket.socket() as probe:
            for each in (claim, probe):
                _set_options(each, reuse=False)
            try:
                claim.bind((host, port))
                probe.bind((host, port))
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise
            else:
                _given.add(port)
                _claims.append(claim.detach())
                if len(_claims) > _MOST_CLAIMS:
                    socket.close(_claims.popleft())
                return port
    raise OSError(errno.EADDRINUSE, f"no free port found on {host}")


def hidden_host() -> str | None:
    """Return a random loopback address that web pages cannot find, None if there is only one.

    Linux and Windows have all of 127.0.0.0/8, 16 million addresses; macOS only has 127.0.0.1.
    Programs on this machine can look the address up; pages would have to try each with each port.
    """
    host = ".".join(["127", *(str(secrets.choice(range(1, 255))) for _ in range(3))])
    try:
        free_port(host)
    except OSError:
        return None
    return host


def is_free(port: int) -> bool:
    """Return whether a server could listen on a port."""
    with socket.socket() as probe:
        _set_options(probe, reuse=True)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _set_options(probe: socket.socket, *, reuse: bool) -> None:
    """Set the options with which a port that a server has is not free.

    Args:
        probe: the socket.
        reuse: ignore connections of a server that has just ended, as servers do.
    """
    exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
    if exclusive is not None:
        # On Windows, SO_REUSEADDR takes ports away from servers:
        # https://learn.microsoft.com/en-us/windows/win32/winsock/using-so-reuseaddr-and-so-exclusiveaddruse
        probe.setsockopt(socket.SOL_SOCKET, exclusive, 1)
    elif reuse:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def answers(port: int, host: str = HOST) -> bool:
    """Return whether a server accepts connections on a port."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex((host, port)) == 0
