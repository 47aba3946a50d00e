"""Where a browser goes on to after a plain form: a page of the application, or `GET /uploaded`."""

from collections.abc import Mapping, Sequence
from html import escape
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from quickthumb.api.content import prefers_html
from quickthumb.api.records import Answer
from quickthumb.documents.manifest import Manifest
from quickthumb.store.originals import Queued

PAGE = "/uploaded"
"""Path of the page of this service."""

_HEAD = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>Thumbnails</title>
<link rel="icon" href="/web/icon.svg">
<main>
<h1>Thumbnails</h1>
"""


def next_page(request: Request, named: str | None) -> str | None:
    """Return the page that a client wants to go on to after an upload; None if it wants JSON.

    Args:
        request: the upload.
        named: the page named by its field `next`, if any.
    """
    is_form = request.headers.get("content-type", "").lower().startswith("multipart/")
    return named or (PAGE if is_form and prefers_html(request) else None)


def redirect(page: str, answer: Answer) -> Response | None:
    """Return a redirect to a page, with the ids of the accepted uploads; None if there are none."""
    verdicts = answer.document.get("uploads", [answer.document])
    ids = [("id", verdict["id"]) for verdict in verdicts if "id" in verdict]
    if not ids:
        return None
    address, hash_, fragment = page.partition("#")
    address += ("&" if "?" in address else "?") + urlencode(ids)
    headers = {"Location": address + hash_ + fragment, "Cache-Control": "no-store"}
    return Response(status_code=303, headers=headers)


def page_of(states: Mapping[str, Manifest | Queued | None]) -> str:
    """Return a page with the thumbnails of uploads, in HTML without scripts.

    Pictures that are not ready are loaded as soon as they are.

    Args:
        states: of uploads by id; None if there is no such upload.
    """
    return _HEAD + "".join(_part(id, state) for id, state in states.items()) + "</main>\n"


def _part(id: str, state: Manifest | Queued | None) -> str:
    if state is None:
        return _text(f"There is no upload {id[:100]!r}.")
    if isinstance(state, Manifest):
        if state.failure:
            return _text(state.failure.detail)
        return _pictures(id, [thumb.name for thumb in state.thumbnails])
    return _pictures(id, [rendition.name for rendition in state.renditions])


def _pictures(id: str, names: Sequence[str]) -> str:
    return f"<p>{' '.join(_picture(f'/{id}/{name}', name) for name in names)}</p>\n"


def _picture(link: str, name: str) -> str:
    link, name = escape(link), escape(name)
    alternative = f"Thumbnail {name}. If it does not appear, reload the page."
    return f'<a href="{link}"><img src="{link}?wait=30" alt="{alternative}"></a>'


def _text(text: str) -> str:
    return f"<p>{escape(text)}</p>\n"
