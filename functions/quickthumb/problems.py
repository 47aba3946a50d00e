"""Every problem once: what this package raises, and what clients are told of it.

The functions answer an error by its class alone. `Refused` and `Unprocessable` are final: the
request is refused, or the message acknowledged. `Unavailable` and `InvalidMessage` may pass: the
caller is told to come back, or the message is delivered again. `Unauthenticated` concerns whoever
delivers a message, not the message.

A class that has a `code` of its own is a problem that clients can meet. What it means is data, not
a docstring, which Python drops under -OO.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

from quickthumb.printable import printable

LOCALLY = 'On your machine, eval "$(python3 -m emulator env)" sets all of them while `up` runs.'
"""A hint for whoever started a function by hand."""

_MOST_DETAIL = 2_000
"""Characters; a detail may quote a request, and is read in terminals and logs."""


class QuickThumbError(Exception):
    """Base of everything this package raises.

    Attributes:
        code: stable name of the problem, the last part of its `type`.
        status: of HTTP.
        meaning: what it means, a sentence.
        detail: what clients are told instead of the message, where that is for the log alone.
        headers: what HTTP wants beside the problem; examples where each error has its own.
        field: the form field, query parameter or header at fault, where there is one.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    meaning: ClassVar[str] = "Something went wrong in the service; its log has more."
    detail: ClassVar[str | None] = "Something went wrong on our side; see the log."
    headers: Mapping[str, str] = {}
    field: str | None = None

    def document(self) -> dict[str, Any]:
        """Return the problem document (RFC 9457) for a client."""
        return document(self.code, self.status, self.detail or str(self), self.field)

    @classmethod
    def explained(cls) -> dict[str, Any]:
        """Return a problem document that says what this kind of problem means."""
        return document(cls.code, cls.status, cls.meaning)

    @classmethod
    def example(cls) -> dict[str, Any]:
        """Return the same with what is usually at fault."""
        return document(cls.code, cls.status, cls.meaning, cls.field)


def document(code: str, status: int, detail: str, field: str | None = None) -> dict[str, Any]:
    """Return a problem document.

    Args:
        code: stable name of the problem.
        status: of HTTP.
        detail: what was wrong and what to do, a sentence for a person.
        field: the form field, query parameter or header at fault.
    """
    members = {
        "type": f"/problems/{code}",
        "title": code.replace("-", " ").capitalize(),
        "status": status,
        "code": code,
        "detail": printable(detail, _MOST_DETAIL),
    }
    return members | {"field": printable(field)} if field else members


# The service and what it needs.


class InvalidSetting(QuickThumbError):
    code = "misconfigured"
    meaning = "A setting of the service is missing or invalid."
    detail = None


class NoCredentials(InvalidSetting):
    """There is neither an emulator to talk to nor an identity on Google Cloud."""

    def __init__(self, emulator: str) -> None:
        super().__init__(
            f"There are no credentials for Google Cloud, and {emulator} names no emulator. Set "
            f"STORAGE_EMULATOR_HOST and PUBSUB_EMULATOR_HOST, or GOOGLE_APPLICATION_CREDENTIALS. "
            f"{LOCALLY}"
        )


class Unavailable(QuickThumbError):
    """Something this package depends on failed; the same call may succeed later.

    Cloud Storage, Pub/Sub, or the system, when it starts no process to decode pictures in.
    """

    code = "unavailable"
    status = 503
    meaning = "Storage or messaging does not answer; nothing was stored."
    detail = "Storage or messaging does not answer, so nothing was done: try again later."
    headers = {"Retry-After": "2"}


class NotPublished(Unavailable):
    """Pub/Sub did not take a message; the next one may fare no better."""


class Busy(QuickThumbError):
    code = "busy"
    status = 503
    meaning = "Too many uploads are in progress; nothing was stored."
    detail = None
    headers = {"Retry-After": "10"}


# Messages and stored documents.


class InvalidMessage(QuickThumbError):
    """This version cannot read a message or document.

    Another version may, so a message is delivered again, and ends in the dead-letter topic.
    """


class Unauthenticated(QuickThumbError):
    """A message came without a token that proves who delivers it; it is not taken."""


class WrongCaller(Unauthenticated):
    """The caller is authenticated but not allowed to deliver messages."""


# Requests.


class NotServed(QuickThumbError):
    """There is nothing to serve for a request: an everyday answer, which is not logged."""

    detail = None


class NotFound(NotServed):
    code = "not-found"
    status = 404
    meaning = "There is nothing at this path: it never existed, or it was deleted."


class NotReady(NotServed):
    code = "not-ready"
    status = 404
    meaning = "The thumbnail is not made yet; `Retry-After` says when to ask again."
    headers = {"Retry-After": "1"}


class CrossOrigin(NotServed):
    code = "cross-origin"
    status = 403
    meaning = "Pages of this origin may not send this request; see the settings."


class MethodNotAllowed(NotServed):
    code = "method-not-allowed"
    status = 405
    meaning = "The path does not support this method; `Allow` lists those it does."


class RangeNotSatisfiable(NotServed):
    code = "range-not-satisfiable"
    status = 416
    meaning = "The requested range lies outside the thumbnail."
    headers = {"Content-Range": "bytes */7712"}

    def __init__(self, size: int) -> None:
        super().__init__(f"The requested range lies outside the thumbnail's {size:,} bytes.")
        self.headers = {"Content-Range": f"bytes */{size}"}


class Refused(QuickThumbError):
    """The request is at fault; nothing was stored.

    Args:
        message: what was wrong and what to do.
        field: what is at fault, where it is not that of the class.
    """

    code = "bad-request"
    status = 400
    meaning = "The request is malformed; nothing was stored."
    detail = None

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field or self.field


class NoFile(Refused):
    code = "no-file"
    meaning = "The request contains no picture."


class EmptyFile(Refused):
    code = "empty-file"
    meaning = "The file is empty."
    field = "file"


class InvalidOption(Refused):
    code = "invalid-option"
    meaning = "An option has an invalid value; `detail` says which values are valid."


class TooLarge(Refused):
    code = "too-large"
    status = 413
    meaning = "The upload exceeds the size limit."
    field = "file"


class TooLate(Refused):
    code = "request-timeout"
    status = 408
    meaning = "The body of the request did not arrive in time."
    headers = {"Connection": "close"}


class UnsupportedEncoding(Refused):
    code = "unsupported-encoding"
    status = 415
    meaning = "The body is compressed, as its `Content-Encoding` says; send it uncompressed."
    headers = {"Accept-Encoding": "identity"}
    field = "Content-Encoding"


class Unauthorized(Refused):
    code = "unauthorized"
    status = 401
    meaning = "The request needs an API key, and has none that is accepted."
    headers = {"WWW-Authenticate": 'Bearer realm="QuickThumb"'}


class InvalidKey(Refused):
    code = "invalid-idempotency-key"
    meaning = "The `Idempotency-Key` is empty, too long or given twice."
    field = "Idempotency-Key"


class KeyReused(Refused):
    code = "idempotency-key-reused"
    status = 422
    meaning = "A different request was sent with this `Idempotency-Key` before."
    field = "Idempotency-Key"


# Pictures. A job fails with these, too, and keeps their codes in its manifest.


class Unprocessable(QuickThumbError):
    """The picture itself is at fault; no retry can help."""

    code = "unprocessable"
    status = 422
    meaning = "The picture cannot be processed; no retry can help."
    detail = None
    field = "file"


class NotAPicture(Unprocessable):
    code = "not-a-picture"
    status = 415
    meaning = "Unrecognised file format."


class UnsupportedFormat(NotAPicture):
    code = "unsupported-format"
    meaning = "The file format is known but not accepted; `detail` names it."


class TooManyPixels(Unprocessable):
    code = "too-many-pixels"
    meaning = "The picture has more pixels, or takes more memory to decode, than the limit."


class TooManyBytes(Unprocessable):
    code = "too-many-bytes"
    meaning = "The file exceeds the size limit; it was not fetched."


class Corrupt(Unprocessable):
    code = "corrupt"
    meaning = "The file is truncated or damaged."


class TooSlow(Unprocessable):
    code = "too-slow"
    meaning = "Making the thumbnails takes longer than the time limit of a job."

    @classmethod
    def than(cls, seconds: float) -> Self:
        """Return the error of a job that took longer than so many seconds."""
        return cls(
            f"Making the thumbnails took longer than {seconds:g} seconds: "
            "ask for fewer or smaller ones, or send a smaller picture."
        )


class CannotFit(Unprocessable):
    code = "cannot-fit"
    meaning = "A thumbnail exceeds its `max_bytes` even at the lowest quality."


class DecoderCrashed(Unprocessable):
    code = "decoder-crashed"
    meaning = "The decoder crashed on this picture."


class GaveUp(Unprocessable):
    code = "gave-up"
    meaning = "Every attempt at the job failed; it may still be retried and succeed."


def family(problem: type[QuickThumbError]) -> Iterator[type[QuickThumbError]]:
    """Return a problem and those that derive from it, as far as they have codes of their own."""
    if "code" in vars(problem):
        yield problem
    for derived in problem.__subclasses__():
        yield from family(derived)


PROBLEMS = {problem.code: problem for problem in family(QuickThumbError)}
"""All of them, by code."""
