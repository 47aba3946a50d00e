"""Content that only a release changes: the files of web/, and generated documents."""

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

from starlette.requests import Request
from starlette.responses import Response
from werkzeug.datastructures import Accept, MIMEAccept
from werkzeug.http import parse_accept_header

from quickthumb.api.headers import IMMUTABLE, is_current
from quickthumb.imaging.formats import ACCEPTED, OUTPUTS, USUAL

_WEB = Path(__file__).parent.parent / "web"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".py": "text/x-python; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ts": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Content:
    """Cacheable content.

    Attributes:
        zipped: the content, compressed with gzip, which nearly all clients accept.
        media_type: for `Content-Type`.
        tag: hash of the content.
    """

    zipped: bytes
    media_type: str
    tag: str

    @classmethod
    def of(cls, data: bytes, media_type: str, zipped: bytes | None = None) -> Self:
        """Return content from plain bytes, and compressed ones if available."""
        tag = hashlib.sha256(data).hexdigest()[:16]
        return cls(zipped or gzip.compress(data, mtime=0), media_type, tag)

    @classmethod
    def json(cls, document: Mapping[str, Any]) -> Self:
        """Return a JSON document."""
        return cls.of(json.dumps(document).encode(), "application/json")

    def answer(self, request: Request, headers: Mapping[str, str] | None = None) -> Response:
        """Return the response, 304 if the client has the content.

        It is cached forever if the query parameter `v` is the tag, since links to new content
        differ.
        """
        current = request.query_params.get("v") == self.tag
        sent = {
            "ETag": f'W/"{self.tag}"',  # weak: the same for plain and zipped bytes
            "Cache-Control": IMMUTABLE if current else "no-cache",
            "X-Content-Type-Options": "nosniff",
            "Vary": "Accept-Encoding",
            **(headers or {}),
        }
        if is_current(request, self.tag):
            return Response(status_code=304, headers=sent)
        encodings = parse_accept_header(request.headers.get("accept-encoding"), Accept)
        if encodings.quality("gzip") > 0:
            sent["Content-Encoding"] = "gzip"
            return Response(self.zipped, 200, sent, self.media_type)
        return Response(gzip.decompress(self.zipped), 200, sent, self.media_type)


def _files() -> dict[str, Path]:
    found = {path.name.removesuffix(".gz"): path for path in _WEB.rglob("*") if path.is_file()}
    return {name: path for name, path in sorted(found.items()) if Path(name).suffix in _TYPES}


ASSETS = {name: _TYPES[Path(name).suffix] for name in _files() if not name.endswith(".html")}
"""Types of the files that pages refer to, by name."""


@cache
def file(name: str) -> Content:
    """Return a file of web/, from memory if it was read before.

    Args:
        name: a key of `ASSETS`, or a page.
    """
    path = _files()[name]
    data, media_type = path.read_bytes(), _TYPES[Path(name).suffix]
    if path.suffix == ".gz":
        return Content.of(gzip.decompress(data), media_type, zipped=data)
    if path.suffix == ".html":
        data = _with_tags(_with_formats(data.decode()), "/web/").encode()
    elif path.suffix == ".js":
        data = _with_tags(data.decode(), "./").encode()
    return Content.of(data, media_type)


def _with_tags(text: str, folder: str) -> str:
    """Add tags to the links of a page or the imports of a module, so that files are cached forever.

    The tag of a module depends on the modules that it imports; these must not import it in turn.
    """
    for name in ASSETS:
        if f'"{folder}{name}"' in text:
            text = text.replace(f'"{folder}{name}"', f'"{folder}{name}?v={file(name).tag}"')
    return text


def _with_formats(page: str) -> str:
    """Insert the formats into a page: accepted ones, and those of thumbnails in browsers."""
    shown = [each for each in OUTPUTS.values() if each.in_browsers]
    lists = {
        "accept": ",".join(["image/*", *(f".{end}" for each in USUAL for end in each.extensions)]),
        "accepted": ACCEPTED,
        "formats": "".join(f'<option value="{each.name}">{each.title}</option>' for each in shown),
    }
    for name, text in lists.items():
        page = page.replace(f"{{{{{name}}}}}", text)
    return page


def prefers_html(request: Request) -> bool:
    """Return whether a client prefers HTML to JSON, as browsers do."""
    accepted = parse_accept_header(request.headers.get("accept"), MIMEAccept)
    return accepted.best_match(["application/json", "text/html"]) == "text/html"
