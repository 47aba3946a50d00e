"""Lists in pages: the token of a page is the name after which it starts."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from emulator.pubsub import protos
from emulator.pubsub.rules.errors import InvalidArgument

_Entry = TypeVar("_Entry")

DEFAULT_SIZE = 100
MAXIMUM_SIZE = 1000


def page(
    entries: Sequence[_Entry], name: Callable[[_Entry], str], size: int, token: str
) -> tuple[Sequence[_Entry], str]:
    """Return one page of a list.

    Args:
        entries: All entries, sorted by name.
        name: Tells the name of an entry.
        size: How many to return; 0 for the default, more than `MAXIMUM_SIZE` counts as that.
        token: What came with the page before; empty for the first.

    Returns:
        The entries of the page, and the token of the next; empty if this is the last.

    Raises:
        InvalidArgument: If the size is negative.
    """
    if size < 0:
        raise InvalidArgument(
            "You have passed an invalid argument to the service (argument=page_size)."
        )
    size = min(size or DEFAULT_SIZE, MAXIMUM_SIZE)
    rest = [entry for entry in entries if name(entry) > token] if token else entries
    return rest[:size], name(rest[size - 1]) if len(rest) > size else ""


def listed(method: str, entries: Sequence[Any], request: Any) -> Any:
    """Return the page of a list that a request asks for.

    Args:
        method: Name of the method, whose response has the entries in its first field.
        entries: Names, or messages that have one, sorted by it.
        request: Has a `page_size` and a `page_token`.

    Raises:
        InvalidArgument: If the size is negative.
    """
    shown, token = page(
        entries, lambda entry: getattr(entry, "name", entry), request.page_size, request.page_token
    )
    response = getattr(protos, f"{method}Response")
    return response(**{response.DESCRIPTOR.fields[0].name: shown, "next_page_token": token})
