"""Lists in pages. A page token is the name, or the number, of the last entry of the page before."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from emulator.pubsub import protos
from emulator.pubsub.doors.calls import Handler
from emulator.pubsub.rules.errors import InvalidArgument

DEFAULT_SIZE = 100
MAXIMUM_SIZE = 1000


_List = Callable[[Any], Sequence[Any]]


def paged(lists: Mapping[str, _List], *, by_name: bool = True) -> dict[str, Handler]:
    """Return handlers that answer with one page of a list.

    Args:
        lists: By name of the method: returns the whole list for a request, sorted by name.
        by_name: Whether entries have names of their own; otherwise they are numbered.
    """
    return {method: partial(_page, method, entries, by_name) for method, entries in lists.items()}


def _page(method: str, entries: _List, by_name: bool, request: Any) -> Any:
    """Return the requested page as the response of a method, whose first field has the entries.

    Raises:
        InvalidArgument: If the page size is negative.
    """
    if request.page_size < 0:
        raise InvalidArgument(
            "You have passed an invalid argument to the service (argument=page_size)."
        )
    size = min(request.page_size or DEFAULT_SIZE, MAXIMUM_SIZE)
    keyed = [
        (_name(entry) if by_name else f"{number:06}", entry)
        for number, entry in enumerate(entries(request))
    ]
    rest = [(key, entry) for key, entry in keyed if key > request.page_token]
    response = getattr(protos, f"{method}Response")
    return response(
        **{response.DESCRIPTOR.fields[0].name: [entry for _, entry in rest[:size]]},
        next_page_token=rest[size - 1][0] if len(rest) > size else "",
    )


def _name(entry: Any) -> str:
    """Return the name of an entry, which is a message with a name or the name itself."""
    name: str = getattr(entry, "name", entry)
    return name
