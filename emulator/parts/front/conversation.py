"""The requests on a client's connection, and how each is handled."""

from urllib.parse import parse_qs

from emulator.parts.front import generations, http1, listings, uploads
from emulator.parts.front.behind import Behind
from emulator.parts.front.blob_names import expect_safe_path
from emulator.parts.front.exchange import Exchange, Front, complaint, written
from emulator.parts.front.http1 import JSON, Malformed, Refused
from emulator.parts.front.sessions import Session
from emulator.parts.front.streams import Gone, Stream

_HEAD_SECONDS = 20.0  # time limit for a head, from its first byte
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"


def hold(front: Front, client: Stream) -> None:
    """Answer the requests of a client until one side closes the connection."""
    behind = Behind(front.server)
    try:
        while _answer_one(front, client, behind):
            pass
    except Gone:
        pass  # the client went away, or the server in the middle of an answer
    finally:
        behind.leave()


def _answer_one(front: Front, client: Stream, behind: Behind) -> bool:
    """Answer a request; return whether the connection can be used for another."""
    try:
        request = http1.read_request(client.head(_HEAD_SECONDS))
    except Malformed as error:
        headers = [*JSON, ("Connection", "close")]
        client.send(written(error.status, headers, complaint(error.status, error)))
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
        _answer_preflight(exchange)
    elif begins is not None:
        uploads.begin(exchange, *begins, query_text)
    elif "upload_id" in query:
        uploads.go_on(exchange, session)
    elif path.startswith("/_internal"):
        raise Refused(404, "Cloud Storage has no such path.")
    elif path.startswith("/batch/") or "form-data" in (request.get("content-type") or ""):
        raise Refused(501, "The emulator supports neither batch requests nor form uploads.")
    else:
        expect_safe_path(path)
        generations.expect_current(exchange)
        if not listings.answer(exchange):
            exchange.pass_on()


def _let_in(exchange: Exchange, session: Session | None, *, begins: bool) -> None:
    """Check that the request is allowed, and let its page read the answer."""
    request = exchange.request
    origin = request.get("origin")
    # A session URL may be used by the page that was named when the upload began.
    is_theirs = session is not None and session.announced.origin == origin
    # A program that starts an upload sends the `Origin` of the page that will continue it. Browsers
    # also send a header that scripts cannot forge.
    names_a_page = begins and request.get("sec-fetch-site") is None
    exchange.front.visitors.check(request.host, None if is_theirs or names_a_page else origin)
    if origin is not None:
        exchange.readers += [
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Expose-Headers", "*"),
        ]


def _answer_preflight(exchange: Exchange) -> None:
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
