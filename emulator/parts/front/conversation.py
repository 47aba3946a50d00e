"""A connection of a client, and what is done with each request that comes over it."""

from urllib.parse import parse_qs

from emulator.parts.front import http1, uploads
from emulator.parts.front.behind import Behind
from emulator.parts.front.blob_names import expect_safe_path
from emulator.parts.front.exchange import Exchange, Front, complaint, written
from emulator.parts.front.http1 import JSON, Malformed, Refused
from emulator.parts.front.sessions import Session
from emulator.parts.front.streams import Gone, Stream

_HEAD_SECONDS = 20.0  # for a head to arrive once it has begun
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"


def hold(front: Front, client: Stream) -> None:
    """Answer the requests of a client, one after the other, until a side ends the connection."""
    behind = Behind(front.server)
    try:
        while _answer_one(front, client, behind):
            pass
    except Gone:
        pass  # the client went away, or has part of an answer that will never be complete
    finally:
        behind.leave()


def _answer_one(front: Front, client: Stream, behind: Behind) -> bool:
    """Answer a request; return whether the connection can be used for another."""
    try:
        head = client.head(_HEAD_SECONDS)
        if head is None:
            return False
        request = http1.read_request(head)
    except Malformed as error:
        status = 431 if isinstance(error, http1.TooLong) else 400
        client.send(written(status, [*JSON, ("Connection", "close")], complaint(status, error)))
        client.close_slowly()
        return False
    exchange = Exchange(front, client, behind, request)
    try:
        _serve(exchange)
    except Refused as error:
        exchange.say(error.status, JSON, complaint(error.status, error))
    if not exchange.is_read:
        client.close_slowly()
    return exchange.lasts


def _serve(exchange: Exchange) -> None:
    request = exchange.request
    path, _, query_text = request.target.partition("?")
    query = parse_qs(query_text, True) if path.startswith("/upload/") else {}
    session = exchange.front.sessions.find(query.get("upload_id", [""])[0])
    begins = None if "upload_id" in query else uploads.begun(request, path, query)
    _let_in(exchange, session, begins=begins is not None)
    if request.method == "OPTIONS":
        _tell_browser(exchange)
    elif begins is not None:
        uploads.begin(exchange, *begins, query_text)
    elif "upload_id" in query:
        uploads.go_on(exchange, session)
    elif path.startswith("/_internal"):
        raise Refused(404, "Cloud Storage has no such path.")
    elif path.startswith("/batch/") or "form-data" in (request.get("content-type") or ""):
        raise Refused(501, "The emulator takes neither batches nor forms: send each by itself.")
    else:
        expect_safe_path(path)
        exchange.pass_on()


def _let_in(exchange: Exchange, session: Session | None, *, begins: bool) -> None:
    """Return if the request may be answered, and let its sender read the answer.

    Raises:
        Refused: it may not.
    """
    request = exchange.request
    origin = request.get("origin")
    # The URL of a session is for the page that was named when it began.
    is_theirs = session is not None and session.announced.origin == origin
    # A program that begins an upload names in `Origin` the page that is going to send it. Where a
    # page itself begins one, its browser adds a header that no script can forge.
    names_a_page = begins and request.get("sec-fetch-site") is None
    exchange.front.visitors.check(request.host, None if is_theirs or names_a_page else origin)
    if origin is not None:
        exchange.readers += [
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Expose-Headers", "*"),
        ]


def _tell_browser(exchange: Exchange) -> None:
    """Answer a browser that asks what the script of a page may send."""
    asked = exchange.request.get("access-control-request-headers")
    for _ in exchange.body():
        pass
    exchange.say(
        204,
        [
            ("Access-Control-Allow-Methods", _METHODS),
            ("Access-Control-Allow-Headers", asked or "*"),
            ("Access-Control-Max-Age", "600"),
        ],
    )
