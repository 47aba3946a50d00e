"""Reads files and options from the body of a request, within limits."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from starlette.formparsers import MultiPartException
from starlette.requests import Request

from quickthumb.api.fields import TEXTS
from quickthumb.api.forms import Admit, Form
from quickthumb.problems import NoFile, Refused, TooLarge, UnsupportedEncoding
from quickthumb.settings import Settings
from quickthumb.upload import File

MAX_JSON_BYTES = 64 * 1024
"""Maximum size of a JSON body, bytes."""

_MAX_FIELDS = 100
_MAX_FIELD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Sent:
    """The content of a request.

    Attributes:
        files: at least one, whatever the names of their fields.
        form: names and values of form fields that are not files.
        query: names and values of query parameters.
    """

    files: tuple[File, ...]
    form: tuple[tuple[str, str], ...]
    query: tuple[tuple[str, str], ...]


async def receive(request: Request, settings: Settings, admit: Admit) -> Sent:
    """Read the body of an upload: a multipart form, or else one raw picture.

    Args:
        request: the request.
        settings: its limits.
        admit: checks who sends a form, by the fields that precede a file; raises what it refuses
            it for. It is called before a file is read, and at the end of a form.

    Raises:
        TooLarge: the body has more than `settings.max_upload_bytes`.
        NoFile: it contains no file.
        UnsupportedEncoding: the body is compressed.
        Refused: the form is malformed, incomplete or has too many parts.
    """
    _expect_plain(request)
    body = _bounded(request, settings.max_upload_bytes)
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        files, form = await _read_form(request, body, settings.max_files, admit)
    else:
        files, form = (await _read_raw(body),), ()
    return Sent(files, form, tuple(request.query_params.multi_items()))


async def receive_json(request: Request) -> bytes:
    """Read the body of a request that contains no picture.

    Raises:
        TooLarge: it has more than `MAX_JSON_BYTES`.
        UnsupportedEncoding: it is compressed.
    """
    _expect_plain(request)
    return b"".join([chunk async for chunk in _bounded(request, MAX_JSON_BYTES)])


def _expect_plain(request: Request) -> None:
    named = ",".join(request.headers.getlist("content-encoding"))
    codings = {part.strip().lower() for part in named.split(",")}
    if not codings <= {"", "identity"}:
        raise UnsupportedEncoding(
            f"The body is encoded as {named[:100]!r}: send it without Content-Encoding. Pictures "
            "are compressed already, and other bodies are short."
        )


async def _read_raw(body: AsyncGenerator[bytes, None]) -> File:
    data = b"".join([chunk async for chunk in body])
    if not data:
        raise NoFile(
            "The request has no body: send a picture as the body, or in the field file of a "
            "multipart form."
        )
    return File("", data)


async def _read_form(
    request: Request, body: AsyncGenerator[bytes, None], max_files: int, admit: Admit
) -> tuple[tuple[File, ...], tuple[tuple[str, str], ...]]:
    parser = Form(
        request,
        body,
        admit=admit,
        max_files=max_files,
        max_fields=_MAX_FIELDS,
        max_part_size=_MAX_FIELD_BYTES,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Refused(
            f"The multipart form {parser.fault()}. Expected a part named file, with a file name, "
            "for each picture, a short part without one for each option, and the boundary given "
            "in Content-Type."
        ) from error
    admit(form.multi_items())
    files: list[File] = []
    fields: list[tuple[str, str]] = []
    for name, value in form.multi_items():
        if isinstance(value, str):
            fields.append((name, value))
            continue
        with value.file:
            if name in TEXTS:
                raise Refused(
                    f"The field {name} is a file: send it without a file name.", field=name
                )
            file = File(value.filename or "", b"".join(parser.contents.pop(value, ())))
        if file.filename or file.data:  # otherwise it is where nothing was chosen
            files.append(file)
    if not parser.complete:
        raise Refused("The multipart form ends before its closing boundary: send it again.")
    if not files:
        if "file" in dict(fields):
            raise NoFile("The part file has no file name: send it as a file.", field="file")
        raise NoFile("The form has no file: send the picture in the field file.", field="file")
    return tuple(files), tuple(fields)


async def _bounded(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """Yield the body, up to `limit` bytes.

    A client that is still sending when the connection closes does not see the response. So the
    excess is read and dropped, up to as much again, unless the client waits for permission to send
    (`Expect: 100-continue`).
    """
    refusal = TooLarge(f"The request exceeds the limit of {limit:,} bytes.")
    length = request.headers.get("content-length", "")
    declared = int(length) if length.isdecimal() else 0
    if declared > 2 * limit or (declared > limit and "expect" in request.headers):
        raise refusal
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if max(received, declared) <= limit:
            yield chunk
        elif received > 2 * limit:
            break
    if received > limit:
        raise refusal
