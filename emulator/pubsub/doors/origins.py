"""Which web pages may use a server on this machine.

A browser says with `Origin` which page a request is from, and scripts cannot forge that. Requests
of foreign pages are refused before they have an effect: CORS alone would only keep the page from
reading the answer. `Host` is checked too, against DNS rebinding: a page whose own host name is
pointed at this machine after it was loaded.
https://fetch.spec.whatwg.org/#http-cors-protocol
"""

import ipaddress
import re
from collections.abc import Collection, Mapping

# Not among them is `null`, which browsers send for a local file or a sandboxed frame.
_THIS_MACHINE = re.compile(
    r"(https?://)?(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE
)

_METHODS = "GET, POST, PUT, PATCH, DELETE"
_PREFLIGHT_SECONDS = 3600


class Origins:
    """The pages that may use a server: those of this machine, and others as configured.

    Attributes:
        listens_privately: Whether the server is reached from this machine alone.
    """

    def __init__(self, host: str, others: Collection[str] = ()) -> None:
        """Configure.

        Args:
            host: Address that the server listens on. One that listens beyond the loopback
                interface cannot know its own host names, so it accepts every `Host`.
            others: Origins that are allowed too, such as `https://app.example`; `*` for all.
        """
        self._host = host
        self.listens_privately = is_this_machine(host)
        self._others = frozenset(origin.lower() for origin in others)

    def refusal(self, headers: Mapping[str, str]) -> str | None:
        """Return why a request is refused, or None if it is not.

        Args:
            headers: Of the request; names are lower-case.
        """
        host = headers.get("host", "")
        if self.listens_privately and not (
            _THIS_MACHINE.fullmatch(host) or host.rpartition(":")[0] == self._host
        ):
            return f"Host {host[:200]!r} is refused: it is not a name of this machine."
        origin = headers.get("origin")
        if origin is not None and not self._allows(origin):
            return (
                f"Web pages of {origin[:200]!r} are refused. Pages of this machine are allowed, and"
                " those of origins that the broker is started with: see --help."
            )
        return None

    def _allows(self, origin: str) -> bool:
        others = self._others
        return bool(_THIS_MACHINE.fullmatch(origin)) or "*" in others or origin.lower() in others


def shared(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the headers of a response that let the page of an accepted request read it."""
    origin = headers.get("origin")
    allow = [("Access-Control-Allow-Origin", origin)] if origin else []
    return [*allow, ("Vary", "Origin")]


def is_preflight(method: str, headers: Mapping[str, str]) -> bool:
    """Return whether a request only asks if another one is allowed."""
    return method == "OPTIONS" and "access-control-request-method" in headers


def preflight(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the headers of the response to a preflight request, besides those of `shared`."""
    answer = [
        ("Access-Control-Allow-Methods", _METHODS),
        ("Access-Control-Max-Age", str(_PREFLIGHT_SECONDS)),
    ]
    if wanted := headers.get("access-control-request-headers"):
        answer.append(("Access-Control-Allow-Headers", wanted))
    # For pages of other networks, https://wicg.github.io/private-network-access/
    if headers.get("access-control-request-private-network") == "true":
        answer.append(("Access-Control-Allow-Private-Network", "true"))
    return answer


def is_this_machine(host: str) -> bool:
    """Return whether an address to listen on is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
