"""Reads files and options from the body of a request, within limits."""

from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from quickthumb.problems import NoFile, Refused, TooLarge, UnsupportedEncoding
from quickthumb.settings import Settings
from quickthumb.upload import File

MAX_JSON_BYTES = 64 * 1024
"""Maximum size of a JSON body, bytes."""

_MAX_FIELDS = 100
_MAX_FIELD_BYTES = 4096

_LARGE_PIECE = 4096  # bytes

Admit: TypeAlias = Callable[[Iterable[tuple[str, object]]], None]


@dataclass(frozen=True, slots=True)
class Sent:
    """The content of a request.

    Attributes:
        files: at least one.
        fields: form fields that are not files, then query parameters; names and values.
    """

    files: tuple[File, ...]
    fields: tuple[tuple[str, str], ...]


class _InMemory(MultiPartParser):
    """Keeps files in memory, so that no temporary file can leak; bodies have a size limit.

    The base class copies a file twice more, into a `SpooledTemporaryFile` and out of it.

    Attributes:
        complete: whether the closing boundary has arrived.
        contents: the files, in the pieces in which they arrived.
    """

    complete = False
    _is_too_long = False

    def __init__(self, *args: Any, admit: Admit, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._admit = admit
        self.contents: dict[UploadFile, list[bytes | memoryview]] = {}

    @property
    def _charset(self) -> str:
        """The encoding of names and fields, whatever the request declares.

        Some of Python's codecs raise, or produce text that cannot be encoded again. A form may only
        declare it in a field (https://www.rfc-editor.org/rfc/rfc7578#section-4.6).
        """
        return "utf-8"

    @_charset.setter
    def _charset(self, _: str) -> None:
        """Ignore the charset of `Content-Type`, which the parser sets."""

    def fault(self) -> str:
        """Return what is wrong with a form that was not read to its end."""
        if self._current_files > self.max_files:
            return f"has more than {self.max_files:,} files"
        if self._current_fields > self.max_fields:
            return f"has more than {self.max_fields:,} fields"
        if self._is_too_long:
            return f"has an option of more than {self.max_part_size:,} bytes"
        return "is malformed"

    def on_headers_finished(self) -> None:
        """Check the sender before the content of a file is received."""
        super().on_headers_finished()
        if self._current_part.file is not None:
            self._admit(self.items)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """Keep a piece of a part."""
        part = self._current_part
        if part.file is None:
            self._is_too_long = len(part.data) + end - start > self.max_part_size
            super().on_part_data(data, start, end)
        else:
            # A view has no copy of its content, but is large itself.
            piece = memoryview(data)[start:end] if end - start > _LARGE_PIECE else data[start:end]
            self.contents.setdefault(part.file, []).append(piece)

    def on_end(self) -> None:
        """Record that the closing boundary has arrived."""
        self.complete = True


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
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise UnsupportedEncoding(
            f"The body is encoded as {encoding[:100]!r}: send pictures without Content-Encoding; "
            "their formats are compressed already."
        )
    body = _bounded(request, settings.max_upload_bytes)
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        files, fields = await _read_form(request, body, settings.max_files, admit)
    else:
        files, fields = (await _read_raw(body),), ()
    return Sent(files, fields + tuple(request.query_params.multi_items()))


async def receive_json(request: Request) -> bytes:
    """Read the body of a request that contains no picture.

    Raises:
        TooLarge: it has more than `MAX_JSON_BYTES`.
    """
    return b"".join([chunk async for chunk in _bounded(request, MAX_JSON_BYTES)])


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
    parser = _InMemory(
        request.headers,
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
            if name == "file":
                raise NoFile("The part file has no file name: send it as a file.", field="file")
            fields.append((name, value))
            continue
        with value.file:
            if name != "file":
                raise Refused(
                    f"The form has a file in the field {name[:100]!r}: expected it in file.",
                    field=name[:100],
                )
            files.append(File(value.filename or "", b"".join(parser.contents.pop(value, ()))))
    if not parser.complete:
        raise Refused("The multipart form ends before its closing boundary: send it again.")
    if not files:
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
