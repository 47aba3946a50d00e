"""What changes with a release only: files of web/ and documents made once, to be cached."""

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

from quickthumb.api.conditional import has_already
from quickthumb.imaging.formats import ACCEPTED, FORMATS, OUTPUTS

_WEB = Path(__file__).parent.parent / "web"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"


@dataclass(frozen=True, slots=True)
class Content:
    """Something to answer with.

    Attributes:
        zipped: its bytes, compressed with gzip, as nearly all clients take them.
        media_type: for `Content-Type`.
        tag: changes with the content.
    """

    zipped: bytes
    media_type: str
    tag: str

    @classmethod
    def of(cls, data: bytes, media_type: str, zipped: bytes | None = None) -> Self:
        """Return content made from its plain bytes, and compressed ones where they are there."""
        tag = hashlib.sha256(data).hexdigest()[:16]
        return cls(zipped or gzip.compress(data, mtime=0), media_type, tag)

    @classmethod
    def json(cls, document: Mapping[str, Any]) -> Self:
        """Return a JSON document."""
        return cls.of(json.dumps(document).encode(), "application/json")

    def answer(self, request: Request, headers: Mapping[str, str] | None = None) -> Response:
        """Return the response, or 304 where the client has it.

        A request whose `v` is the tag may keep it for ever: with other content the link is another.
        """
        current = request.query_params.get("v") == self.tag
        sent = {
            "ETag": f'W/"{self.tag}"',  # weak: it stands for the plain bytes and the zipped ones
            "Cache-Control": _FOR_EVER if current else _ASK_AGAIN,
            "X-Content-Type-Options": "nosniff",
            "Vary": "Accept-Encoding",
            **(headers or {}),
        }
        if has_already(request, self.tag):
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
"""The files that pages refer to, by name, and their types."""


@cache
def file(name: str) -> Content:
    """Return a file of web/ from memory, or from the disk the first time.

    Args:
        name: a key of `ASSETS`, or a page.
    """
    path = _files()[name]
    data, media_type = path.read_bytes(), _TYPES[Path(name).suffix]
    if path.suffix == ".gz":
        return Content.of(gzip.decompress(data), media_type, zipped=data)
    if path.suffix == ".html":
        data = _with_tags(_with_formats(data.decode())).encode()
    return Content.of(data, media_type)


def _with_tags(page: str) -> str:
    """Let a page refer to its files as they are now, so that they may be kept for ever."""
    for name in ASSETS:
        if f'"/web/{name}"' in page:
            page = page.replace(f'"/web/{name}"', f'"/web/{name}?v={file(name).tag}"')
    return page


def _with_formats(page: str) -> str:
    """List the formats in a page: those accepted, and those of thumbnails that browsers show."""
    shown = [each for each in OUTPUTS.values() if each.in_browsers]
    lists = {
        "accept": ",".join(
            ["image/*", *(f".{end}" for each in FORMATS for end in each.extensions)]
        ),
        "accepted": ACCEPTED,
        "formats": "".join(f'<option value="{each.name}">{each.title}</option>' for each in shown),
    }
    for name, text in lists.items():
        page = page.replace(f"{{{{{name}}}}}", text)
    return page


def prefers_html(request: Request) -> bool:
    """Tell a browser from a program."""
    accepted = parse_accept_header(request.headers.get("accept"), MIMEAccept)
    return accepted.best_match(["application/json", "text/html"]) == "text/html"
