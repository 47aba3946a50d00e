"""Chooses the format of a thumbnail by the `Accept` of a request."""

from starlette.requests import Request
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from quickthumb.imaging.formats import NEGOTIATED, OUTPUTS

VARY = {"Vary": "Accept"}


def chosen(request: Request) -> str:
    """Return the format that a client prefers, the best of those it likes as much.

    AVIF and WebP must be named: `image/*` and `*/*` are also sent by clients that know neither. The
    last format is for everybody, also for those who do not accept it.
    """
    accept = parse_accept_header(request.headers.get("accept"), MIMEAccept)
    *named, last = NEGOTIATED
    known = {media_type.lower() for media_type, _ in accept}
    liked = [name for name in named if OUTPUTS[name].content_type in known]
    quality = {name: accept.quality(OUTPUTS[name].content_type) for name in (*liked, last)}
    best = max(quality, key=lambda name: quality[name])  # the first of several
    return best if quality[best] > 0 else last
