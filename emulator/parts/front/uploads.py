"""The requests that start and continue resumable uploads."""

import itertools
import json
import re
import secrets
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode

from emulator.parts.front.announced import Announced
from emulator.parts.front.blob_names import expect_safe, expect_safe_path
from emulator.parts.front.exchange import Exchange
from emulator.parts.front.http1 import JSON, Refused, Request
from emulator.parts.front.sessions import Session
from emulator.parts.front.streams import BLOCK

_UPLOADS = re.compile(r"/upload/storage/v1/b/([^/]+)/o/?")
_BLOB = re.compile(r"/([^/]+)/(.+)")


def begun(request: Request, path: str, query: dict[str, list[str]]) -> tuple[str, str] | None:
    """Return bucket and, if in the path, blob name of the upload that a request starts."""
    if request.method != "POST":
        return None
    if match := _UPLOADS.fullmatch(path):
        protocol = query.get("uploadType", [request.get("x-goog-upload-protocol")])[0]
        return (match[1], "") if protocol == "resumable" else None
    if request.get("x-goog-resumable") == "start" and (match := _BLOB.fullmatch(path)):
        return match[1], unquote(match[2])
    return None


def begin(exchange: Exchange, bucket: str, name: str, query: str) -> None:
    """Start an upload.

    Raises:
        Refused: the request is invalid, or there is no space.
    """
    request, front = exchange.request, exchange.front
    expect_safe_path(request.target.partition("?")[0])
    announced = Announced.read(request, bucket, name, query, exchange.document())
    expect_safe(announced.resource["name"])
    with front.disk.room(0):
        status, body = exchange.ask(f"GET /storage/v1/b/{bucket}")
        if status != 200:
            exchange.say(status, JSON, body)
            return
        id = front.sessions.begin(announced)
    url = f"http://{request.host}{announced.path(id)}"
    headers = [("Location", url), ("X-GUploader-UploadID", id)]
    if request.get("x-goog-upload-command") == "start":
        headers += [("X-Goog-Upload-URL", url), ("X-Goog-Upload-Status", "active")]
    exchange.say(201 if name else 200, headers)


def go_on(exchange: Exchange, session: Session | None) -> None:
    """Answer a request to a session URL; `session` is None if there is no such session.

    Raises:
        Refused: the request is invalid, or there is no space.
    """
    request = exchange.request
    if session is None:
        raise Refused(404, "This upload does not exist or has expired: start a new one.")
    if request.method == "DELETE":
        status, headers, body = session.give_up()
    elif request.method in ("PUT", "POST"):
        # A question about progress needs no space, and `_store` reserves its own.
        brings = request.length != 0
        with exchange.front.disk.room(request.length or 0) if brings else nullcontext():
            store = partial(_store, exchange)
            status, headers, body = session.take(request, exchange.body(), store)
    else:
        raise Refused(405, "Use PUT to continue an upload, DELETE to cancel it.")
    if status == 308 and request.get("x-guploader-no-308"):
        status, headers = 200, [*headers, ("X-Http-Status-Code-Override", "308")]
    if "finalize" in (request.get("x-goog-upload-command") or ""):
        headers = [*headers, ("X-Goog-Upload-Status", "final")]
    exchange.say(status, headers, body)


def _store(exchange: Exchange, announced: Announced, file: Path, size: int) -> tuple[int, bytes]:
    """Send a complete upload to the server, as a multipart request."""
    boundary = secrets.token_hex(16)
    resource, content_type = json.dumps(announced.resource), announced.resource["contentType"]
    head = "\r\n".join(
        [
            *(f"--{boundary}", "Content-Type: application/json; charset=UTF-8", "", resource),
            *(f"--{boundary}", f"Content-Type: {content_type}", "", ""),
        ]
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    headers = [
        ("Content-Type", f"multipart/related; boundary={boundary}"),
        ("Content-Length", str(len(head) + size + len(tail))),
    ]
    target = f"/upload/storage/v1/b/{announced.bucket}/o?uploadType=multipart&" + urlencode(
        [*parse_qsl(announced.query), ("name", announced.resource["name"])]
    )
    with exchange.front.disk.room(size), file.open("rb") as data:
        blocks = iter(lambda: data.read(BLOCK), b"")
        return exchange.ask(f"POST {target}", headers, itertools.chain([head], blocks, [tail]))
