"""Whom a server on this machine answers: its programs, and those web pages that are let in.

Any page of the internet can have a browser send requests to this machine. Two headers tell, which
no script can forge: `Origin` says which page asks, and `Host` under which name the browser found
this machine. The latter gives away a page that had its own name point here once it was loaded (DNS
rebinding), which to the browser is then asking its own server.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Self

from emulator.parts.front.http1 import Refused

_THIS_MACHINE = r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?"
_HOST = re.compile(_THIS_MACHINE, re.IGNORECASE)
_ORIGIN = re.compile(rf"https?://{_THIS_MACHINE}")


class Visitors:
    """Tells whose requests are answered.

    Args:
        origins: pages that are let in beside those of this machine, `https://app.example.com`.
    """

    def __init__(self, origins: Iterable[str] = ()) -> None:
        self._origins = frozenset(origins)

    @classmethod
    def of(cls, variables: Mapping[str, object]) -> Self:
        """Let in the origins that `QUICKTHUMB_CORS_ORIGINS` names.

        `*` is left out: it opens the API, which has its keys and its ids, to every page. A server
        without either is not opened to the internet by it.
        """
        named = str(variables.get("QUICKTHUMB_CORS_ORIGINS", "")).split(",")
        return cls(origin.strip() for origin in named if origin.strip() not in ("", "*"))

    @property
    def origins(self) -> list[str]:
        """The origins beside those of this machine."""
        return sorted(self._origins)

    def welcome(self, origin: str) -> bool:
        """Tell whether pages of an origin are let in."""
        return bool(_ORIGIN.fullmatch(origin)) or origin in self._origins

    def check(self, host: str, origin: str | None) -> None:
        """Return if a request with these headers is to be answered.

        Raises:
            Refused: it is not.
        """
        self.check_host(host)
        if origin is not None and not self.welcome(origin):
            raise Refused(
                403,
                f"Pages of {origin[:200]} may not use this server, only those of this machine. To "
                "let them in, name their origin in QUICKTHUMB_CORS_ORIGINS and start it again.",
            )

    def check_host(self, host: str) -> None:
        """Return if a request was sent to this machine by its own name.

        Raises:
            Refused: it was sent by another name.
        """
        if not _HOST.fullmatch(host):
            raise Refused(
                403,
                f"The host {host[:200]!r} is not answered for. Call this server as 127.0.0.1, "
                "localhost or [::1].",
            )
