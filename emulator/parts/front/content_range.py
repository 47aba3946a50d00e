"""The header `Content-Range`, by which a request says which bytes of an upload it brings."""

import re
from dataclasses import dataclass
from typing import Self

from emulator.parts.front.http1 import Malformed


@dataclass(frozen=True, slots=True)
class Brought:
    """What a request to a session brings.

    Attributes:
        start: position of its first byte; None if it brings none and asks how far the upload is.
        size: of the whole upload, bytes; None if the request does not say.
        length: bytes that it brings; None if it does not say.
        whole: the upload ends with it.
    """

    start: int | None
    size: int | None = None
    length: int | None = None
    whole: bool = False

    @classmethod
    def read(cls, content_range: str | None, length: int | None) -> Self:
        """Read the header `Content-Range` of a request whose body has `length` bytes, if known.

        Raises:
            Malformed: the header is of another form, or does not fit the body.
        """
        if content_range is None:
            return cls(0, length, length, whole=True)
        match = re.fullmatch(
            r"bytes (?:\*|([0-9]{1,15})-([0-9]{1,15}|\*))/([0-9]{1,15}|\*)", content_range
        )
        if not match:
            raise Malformed(f"Content-Range: {content_range}: expected bytes FIRST-LAST/SIZE")
        first, last, whole = match.groups()
        size = None if whole == "*" else int(whole)
        if first is None:
            return cls(None, size)
        if last == "*":  # it ends where its body does
            return cls(int(first), size, length, whole=True)
        told = int(last) - int(first) + 1
        if told < 1:
            raise Malformed(f"Content-Range: {content_range}: it ends before it begins")
        if length is not None and length != told:
            raise Malformed(f"Content-Range: {content_range}: but the body has {length} bytes")
        if size is not None and int(last) >= size:
            raise Malformed(f"Content-Range: {content_range}: it ends after the end")
        return cls(int(first), size, told)
