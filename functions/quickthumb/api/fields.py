"""What the fields and query parameters of an upload mean.

One rule for programs, forms and upload widgets:

1. The name of an option is that option. Left empty in a form, it is not given.
2. `metadata` and `metadata[KEY]` are metadata.
3. `next` is the page to go on to.
4. `token` is the upload token: the caller removes it, since it says nothing of the upload.
5. Any other field of a form is metadata under its own name: widgets send fields that they are not
   asked for. A name that resembles one of the above is a typing error, though, which must not
   silently become metadata.
6. Any other query parameter is an unknown option.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from quickthumb.api.access import FIELD as TOKEN
from quickthumb.documents import metadata
from quickthumb.documents.metadata import Metadata
from quickthumb.options import OPTIONS, Menu
from quickthumb.problems import InvalidOption

NEXT = "next"
"""Name of the field with the address of the page to go on to."""

TEXTS = frozenset((*OPTIONS, metadata.FIELD, NEXT, TOKEN))
"""Names of fields that are never files."""

_LIKE = 0.8
"""Similarity of two names, 0 to 1, from which one is taken for the other mistyped."""

_LONGEST = 64  # characters; longer names resemble nothing


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a request.

    Attributes:
        options: names and values, for `renditions_of`.
        metadata: of the application.
        next: address of the page to go on to, None for the answer itself.
    """

    options: tuple[tuple[str, str], ...]
    metadata: Metadata
    next: str | None


def read_fields(
    form: Iterable[tuple[str, str]],
    query: Iterable[tuple[str, str]],
    menu: Menu,
    origins: Sequence[str],
) -> Fields:
    """Tell options, metadata and `next` apart.

    Args:
        form: names and values of form fields that are not files, but for the upload token.
        query: names and values of query parameters, but for the upload token.
        menu: which options there are.
        origins: of the pages that `next` may name.

    Raises:
        InvalidMetadata: metadata exceeds a bound, or a key is invalid or given twice.
        InvalidOption: a name is mistyped, or `next` is given twice or not allowed.
    """
    form, of_form = metadata.from_fields(form)
    query, of_query = metadata.from_fields(query)
    given = [(name, text) for name, text in form if name in OPTIONS and text]
    pages = [text for name, text in form if name == NEXT and text]
    pages += [text for name, text in query if name == NEXT]
    rest = [(name, text) for name, text in form if name not in OPTIONS and name != NEXT]
    if not menu.only:
        for name, _ in rest:
            _expect_no_mistake(name)
    return Fields(
        (*given, *((name, text) for name, text in query if name != NEXT)),
        metadata.joined([of_form, of_query, *({name: text} for name, text in rest)]),
        _allowed(pages, origins) if pages else None,
    )


def _expect_no_mistake(name: str) -> None:
    if len(name) > _LONGEST:
        return
    alike = name.lower().replace("-", "_")
    if meant := get_close_matches(alike, [*OPTIONS, metadata.FIELD], 1, _LIKE):
        raise InvalidOption(
            f"Unknown field {name!r}: did you mean {meant[0]}? If it is data of your own, send it "
            f"as metadata[{name}].",
            field=name,
        )


def _allowed(pages: Sequence[str], origins: Sequence[str]) -> str:
    """Return the page to go on to, if it is one of an allowed origin.

    `*` allows scripts of all origins to use the API; for a redirect it would mean that a link to
    this service can lead anywhere.
    """
    if len(pages) > 1:
        raise InvalidOption("next is given twice.", field=NEXT)
    [page] = pages
    found = re.fullmatch(r"(https?://[a-z0-9.-]+(?::[0-9]{1,5})?)(?:[/?#][!-~]*)?", page)
    if not found or found[1] not in origins or len(page) > 2_000:
        raise InvalidOption(
            f"next: {page[:100]!r}: expected the address of a page, of at most 2,000 characters of "
            "ASCII, whose origin is in QUICKTHUMB_CORS_ORIGINS.",
            field=NEXT,
        )
    return page
