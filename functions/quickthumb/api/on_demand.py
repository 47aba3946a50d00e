"""Thumbnails that are made when somebody first asks for their address.

The address tells the size, and options in the query: /{id}/400x300.webp?fit=cover. It is served
only if the service lists it, or if it is signed. That is decided before any other work.
"""

import re
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace
from starlette.requests import Request

from quickthumb.api.negotiation import chosen
from quickthumb.api.signatures import SIGNATURE, UNSIGNED, is_signed
from quickthumb.documents.rendition import MAX_SIZE, Rendition
from quickthumb.documents.spelled import spelled
from quickthumb.imaging.formats import NEGOTIATE, OUTPUTS, listed
from quickthumb.options import OPTIONS, add_option
from quickthumb.problems import InvalidOption, NotAllowed
from quickthumb.settings import Settings

_ADDRESS = re.compile(r"([1-9][0-9]{0,3})(?:x([1-9][0-9]{0,3}))?(?:\.([a-z0-9]{1,5}))?")

_EXTENSIONS = {
    extension: output.name for output in OUTPUTS.values() for extension in output.extensions
}

_TAKEN = tuple(name for name in OPTIONS if name != "sizes")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A thumbnail that may be made on demand.

    Attributes:
        rendition: it, with the format chosen if that is negotiated.
        is_negotiated: whether `Accept` chose the format.
    """

    rendition: Rendition
    is_negotiated: bool


class OnDemand:
    """Reads addresses.

    Args:
        settings: with what may be made.
    """

    def __init__(self, settings: Settings) -> None:
        self._allowed = frozenset(settings.on_demand)
        self._keys = settings.signing_keys

    def wanted(self, request: Request) -> Wanted | None:
        """Return the thumbnail at an address, None if that is nothing but a name.

        Raises:
            NotAllowed: the service does not list it, and it is not signed.
            InvalidOption: an option of a signed address is unknown, given twice or invalid.
        """
        match = _ADDRESS.fullmatch(request.path_params["name"])
        if match is None or not (self._allowed or self._keys):
            return None
        query = request.query_params.multi_items()
        signatures = [text for name, text in query if name == SIGNATURE]
        if signatures and not is_signed(
            self._keys, request.scope["path"], query, ",".join(signatures)
        ):
            raise NotAllowed(
                "The signature of this address is wrong: sign the path and the query, without "
                f"{listed(UNSIGNED)}, with a key of the service."
            )
        given = [(name, text) for name, text in query if name not in UNSIGNED]
        is_name = request.path_params["name"].isdecimal() and not signatures
        if is_name and not any(name in OPTIONS for name, _ in given):
            given = []  # others never mattered
            if int(request.path_params["name"]) > MAX_SIZE:
                return None
        try:
            rendition = _rendition(match[1], match[2], match[3], given)
        except InvalidOption as error:
            if signatures:
                raise
            raise NotAllowed(f"This service does not make this on demand. {error}") from None
        if not signatures and rendition not in self._allowed:
            if is_name and not given:
                return None
            raise NotAllowed(
                f"This service makes {rendition.name} on demand only if the address is signed."
                if self._keys
                else f"This service does not make {rendition.name} on demand."
            )
        if rendition.format != NEGOTIATE:
            return Wanted(rendition, False)
        return Wanted(spelled(replace(rendition, format=chosen(request))), True)


def _rendition(
    width: str, height: str | None, extension: str | None, given: list[tuple[str, str]]
) -> Rendition:
    """Return the rendition of an address. Raises `InvalidOption`."""
    sides = int(width), int(height or width)
    if max(sides) > MAX_SIZE:
        raise InvalidOption(f"{max(sides)}: expected sizes from 1 to {MAX_SIZE} pixels.")
    options: dict[str, Any] = {}
    if extension:
        if extension not in _EXTENSIONS:
            raise InvalidOption(f".{extension}: expected .{listed(list(_EXTENSIONS))}.")
        options["format"] = _EXTENSIONS[extension]
    for name, text in given:
        if name not in _TAKEN:
            raise InvalidOption(
                f"Unknown option {name[:100]!r}: expected {', '.join(_TAKEN)}.", field=name[:100]
            )
        add_option(options, name, text)
    return spelled(Rendition("-", *sides, **options))
