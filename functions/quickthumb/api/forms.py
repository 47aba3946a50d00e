"""Parses multipart forms as clients really write them (RFC 7578, RFC 2046)."""

import re
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartParser
from starlette.requests import Request

Admit: TypeAlias = Callable[[Iterable[tuple[str, object]]], None]
"""Checks who sends a form, by the fields that precede a file; raises what it refuses it for."""

_LARGE_PIECE = 4096  # bytes

_MOST_PADDING = 64
"""Spaces after the first boundary; https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1."""

_PARAMETER = re.compile(rb';[ \t]*([^\s=;"]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^;]*)')

_ESCAPED = {"%22": '"', "%0D": "\r", "%0A": "\n"}


class Form(MultiPartParser):
    """Keeps files in memory, so that no temporary file can leak; bodies have a size limit.

    The base class copies a file twice more, into a `SpooledTemporaryFile` and out of it.

    Attributes:
        complete: whether the closing boundary has arrived.
        contents: the files, in the pieces in which they arrived.
    """

    complete = False
    _is_too_long = False

    def __init__(
        self, request: Request, body: AsyncGenerator[bytes, None], admit: Admit, **limits: int
    ) -> None:
        _, parameters = parse_options_header(request.headers["content-type"])
        boundary = parameters.get(b"boundary")
        stream = _after_preamble(body, boundary) if boundary else body
        super().__init__(request.headers, stream, **limits)
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
        """Read the names of a part, and check the sender before a file is received."""
        part = self._current_part
        extended = _extended_filename(part.content_disposition or b"")
        if extended is not None:  # the base class ignores it, and would see no file
            part.content_disposition = (part.content_disposition or b"") + b'; filename=""'
        super().on_headers_finished()
        part.field_name = _unescaped(part.field_name)
        if part.file is not None:
            part.file.filename = extended or _unescaped(part.file.filename or "")
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


async def _after_preamble(
    body: AsyncGenerator[bytes, None], boundary: bytes
) -> AsyncGenerator[bytes, None]:
    """Yield a body from its first boundary on, without spaces after that.

    What comes before is to be ignored: https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1. The
    parser knows no preamble.
    """
    line = b"\r\n--" + boundary
    opening = re.compile(re.escape(line) + rb"[ \t]{0,%d}(?=\r\n|--)" % _MOST_PADDING)
    held = b"\r\n"  # a body begins with a new line
    async for chunk in body:
        held += chunk
        if found := opening.search(held):
            yield line[2:] + held[found.end() :]
            break
        held = held[-(len(line) + _MOST_PADDING + 2) :]
    else:
        yield held  # the parser says what is wrong
    async for chunk in body:
        yield chunk


def _unescaped(name: str) -> str:
    """Return a name without the escapes of browsers.

    https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
    """
    return re.sub("%22|%0D|%0A", lambda found: _ESCAPED[found[0]], name)


def _extended_filename(disposition: bytes) -> str | None:
    """Return the parameter `filename*`, which .NET sends besides an encoded `filename`.

    Its form is `utf-8''na%C3%AFve.jpg` (https://www.rfc-editor.org/rfc/rfc8187#section-3.2).
    """
    for name, value in _PARAMETER.findall(disposition):
        charset, _, text = value.strip(b'" \t').partition(b"'")
        if name.lower() == b"filename*" and charset.lower() == b"utf-8":
            return unquote_to_bytes(text.partition(b"'")[2]).decode(errors="replace")
    return None
