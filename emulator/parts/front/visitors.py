"""Which clients the front answers: programs on this machine, and allowed web pages.

Any web page can make a browser send requests to this machine. Two headers that scripts cannot
forge reveal it: `Origin` names the page, and `Host` the name under which the browser found this
machine. The latter reveals DNS rebinding, where a page points its own name here after it has
loaded, so that the browser believes it is calling its own server.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Self

from emulator.parts.front.http1 import Refused

_THIS_MACHINE = r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?"
_HOST = re.compile(_THIS_MACHINE, re.IGNORECASE)
_ORIGIN = re.compile(rf"https?://{_THIS_MACHINE}")


class Visitors:
    """Decides whose requests are answered.

    Args:
        origins: allowed besides this machine's own, such as `https://app.example.com`.
    """

    def __init__(self, origins: Iterable[str] = ()) -> None:
        self._origins = frozenset(origins)

    @classmethod
    def of(cls, variables: Mapping[str, object]) -> Self:
        """Allow the origins in `QUICKTHUMB_CORS_ORIGINS`.

        `*` is ignored: it is meant for the API, which has keys and unguessable ids. The storage
        server has neither.
        """
        named = str(variables.get("QUICKTHUMB_CORS_ORIGINS", "")).split(",")
        return cls(origin.strip() for origin in named if origin.strip() not in ("", "*"))

    @property
    def origins(self) -> list[str]:
        """The allowed origins besides this machine's own."""
        return sorted(self._origins)

    def welcome(self, origin: str) -> bool:
        """Return whether pages of an origin are allowed."""
        return bool(_ORIGIN.fullmatch(origin)) or origin in self._origins

    def check(self, host: str, origin: str | None) -> None:
        """Check the headers of a request.

        Raises:
            Refused: it was sent to another host, or by a page that is not allowed.
        """
        self.check_host(host)
        if origin is not None and not self.welcome(origin):
            raise Refused(
                403,
                f"Pages of {origin[:200]} may not use this server. To allow them, add their origin "
                "to QUICKTHUMB_CORS_ORIGINS and restart.",
            )

    def check_host(self, host: str) -> None:
        """Check that `Host` is this machine.

        Raises:
            Refused: it is not.
        """
        if not _HOST.fullmatch(host):
            why = f"Unknown host {host[:200]!r}: expected 127.0.0.1, localhost or [::1]."
            raise Refused(403, why)
