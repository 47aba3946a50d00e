"""Every error this package raises, and how clients see it.

The class of an error decides the response. `Refused` and `Unprocessable` are final: the request is
rejected, or the message acknowledged. `Unavailable` and `InvalidMessage` are temporary: the client
is asked to retry, or the message is redelivered. `Unauthenticated` concerns the caller, not the
message.

A class declared with a `code` is a problem that clients can see. Its meaning is data rather than a
docstring, since Python drops docstrings under -OO.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

from quickthumb.printable import printable

LOCALLY = 'Locally, eval "$(python3 -m emulator env)" sets them all while `up` is running.'
"""A hint for developers who start a function by hand."""

_MOST_DETAIL = 2_000
"""Maximum length of a detail, which may quote a request, in characters."""


class QuickThumbError(Exception):
    """Base of all errors.

    Attributes:
        code: stable name of the problem, the last part of its `type`.
        status: HTTP status.
        meaning: one sentence that explains the problem.
        detail: text for clients if the message of the error is only for the log.
        headers: response headers; examples if they differ from error to error.
        field: the form field, query parameter or header at fault, if any.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    meaning: ClassVar[str] = "Internal error; see the service's log."
    detail: ClassVar[str | None] = "Internal error; see the log."
    headers: Mapping[str, str] = {}
    field: str | None = None

    def __init_subclass__(cls, *, code: str | None = None, status: int | None = None) -> None:
        if code:
            cls.code = code
        if status:
            cls.status = status

    def document(self) -> dict[str, Any]:
        """Return the problem document (RFC 9457) for a client."""
        return document(self.code, self.status, self.detail or str(self), self.field)

    @classmethod
    def explained(cls) -> dict[str, Any]:
        """Return a problem document that explains this type of problem."""
        return document(cls.code, cls.status, cls.meaning)

    @classmethod
    def example(cls) -> dict[str, Any]:
        """Return an example: the explanation, with the field usually at fault."""
        return document(cls.code, cls.status, cls.meaning, cls.field)


def document(code: str, status: int, detail: str, field: str | None = None) -> dict[str, Any]:
    """Return a problem document.

    Args:
        code: stable name of the problem.
        status: HTTP status.
        detail: what is wrong and how to fix it, for people.
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


class InvalidSetting(QuickThumbError, code="misconfigured"):
    meaning = "A setting of the service is missing or invalid."
    detail = None


class NoCredentials(InvalidSetting):
    """There is neither an emulator nor a Google Cloud identity."""

    def __init__(self, emulator: str) -> None:
        super().__init__(
            f"There are no Google Cloud credentials, and {emulator} is not set. Set "
            "STORAGE_EMULATOR_HOST and PUBSUB_EMULATOR_HOST, or GOOGLE_APPLICATION_CREDENTIALS. "
            + LOCALLY
        )


class Unavailable(QuickThumbError, code="unavailable", status=503):
    """Cloud Storage, Pub/Sub or the operating system failed; the call may succeed later."""

    meaning = "Storage or messaging is unavailable; nothing was stored."
    detail = "Storage or messaging is unavailable; nothing was done. Try again later."
    headers = {"Retry-After": "2"}


class NotPublished(Unavailable):
    """Pub/Sub did not accept a message, and may not accept the next one either."""


class Busy(QuickThumbError, code="busy", status=503):
    meaning = "Too many uploads are in progress; nothing was stored."
    detail = None
    headers = {"Retry-After": "10"}


# Messages and stored documents.


class InvalidMessage(QuickThumbError):
    """This version cannot read a message or document.

    Another version may, so a message is redelivered, and finally moved to the dead-letter topic.
    """


class Unauthenticated(QuickThumbError):
    """The caller has no valid token, so its message is rejected."""


class WrongCaller(Unauthenticated):
    """The caller is authenticated but not allowed to deliver messages."""


# Requests.


class NotServed(QuickThumbError):
    """The request cannot be served. This is too common to be logged."""

    detail = None


class NotFound(NotServed, code="not-found", status=404):
    meaning = "Nothing exists at this path, or it was deleted."


class NotReady(NotServed, code="not-ready", status=404):
    meaning = "The thumbnail is not ready; `Retry-After` says when to retry."
    headers = {"Retry-After": "1"}


class NotAllowed(NotServed, code="not-allowed", status=403):
    meaning = (
        "The service does not make this thumbnail on demand: the signature is missing or wrong, or "
        "the size is not on its list."
    )
    field = "signature"


class CrossOrigin(NotServed, code="cross-origin", status=403):
    meaning = "Pages of this origin may not send this request; see the settings."


class MethodNotAllowed(NotServed, code="method-not-allowed", status=405):
    meaning = "The path does not support this method; `Allow` lists those it does."


class PreconditionFailed(NotServed, code="precondition-failed", status=412):
    meaning = "The `If-Match` or `If-None-Match` of the request is not met; nothing was done."
    field = "If-Match"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field or self.field


class RangeNotSatisfiable(NotServed, code="range-not-satisfiable", status=416):
    meaning = "The requested range lies outside the thumbnail."
    headers = {"Content-Range": "bytes */7712"}

    def __init__(self, size: int) -> None:
        super().__init__(f"The requested range lies outside the thumbnail's {size:,} bytes.")
        self.headers = {"Content-Range": f"bytes */{size}"}


class Refused(QuickThumbError, code="bad-request", status=400):
    """The request is at fault; nothing was stored.

    Args:
        message: what is wrong and how to fix it.
        field: the field at fault, if not the one of the class.
    """

    meaning = "The request is malformed; nothing was stored."
    detail = None

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field or self.field


class NoFile(Refused, code="no-file"):
    meaning = "The request contains no picture."


class EmptyFile(Refused, code="empty-file"):
    meaning = "The file is empty."
    field = "file"


class InvalidOption(Refused, code="invalid-option"):
    meaning = "An option has an invalid value; `detail` says which values are valid."


class InvalidMetadata(Refused, code="invalid-metadata"):
    meaning = "The metadata is malformed or too large; `field` names the key at fault."
    field = "metadata"


class TooLarge(Refused, code="too-large", status=413):
    meaning = "The upload exceeds the size limit."
    field = "file"


class TooLate(Refused, code="request-timeout", status=408):
    meaning = "The request body did not arrive in time."
    headers = {"Connection": "close"}


class UnsupportedEncoding(Refused, code="unsupported-encoding", status=415):
    meaning = "The body is compressed, as its `Content-Encoding` says; send it uncompressed."
    headers = {"Accept-Encoding": "identity"}
    field = "Content-Encoding"


class Unauthorized(Refused, code="unauthorized", status=401):
    meaning = "The request needs a valid API key."
    headers = {"WWW-Authenticate": 'Bearer realm="QuickThumb"'}


class InvalidToken(Unauthorized, code="invalid-token"):
    meaning = "The upload token is malformed or forged, or the key that made it was revoked."
    headers = {"WWW-Authenticate": 'Bearer realm="QuickThumb", error="invalid_token"'}
    field = "token"


class TokenExpired(InvalidToken, code="token-expired"):
    meaning = "The upload token has expired; get a new one."


class TokenExhausted(Refused, code="token-exhausted", status=403):
    meaning = "The upload token was used as often as it allows; get a new one."
    field = "token"


class TokenScope(Refused, code="token-scope", status=403):
    meaning = "The upload token does not allow this request; `field` names what it does not allow."


class TooManyRequests(Refused, code="too-many-requests", status=429):
    meaning = "The quota for this minute is used up; `Retry-After` says when the next one begins."
    headers = {"Retry-After": "20"}

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.headers = {"Retry-After": str(seconds)}


class InvalidKey(Refused, code="invalid-idempotency-key"):
    meaning = "The `Idempotency-Key` is empty, too long or given twice."
    field = "Idempotency-Key"


class KeyReused(Refused, code="idempotency-key-reused", status=422):
    meaning = "This `Idempotency-Key` was used before for a different request."
    field = "Idempotency-Key"


# Pictures. Jobs fail with these too, and the manifest keeps the code.


class Unprocessable(QuickThumbError, code="unprocessable", status=422):
    """The picture itself is at fault; no retry can help."""

    meaning = "The picture cannot be processed; no retry can help."
    detail = None
    field = "file"


class NotAPicture(Unprocessable, code="not-a-picture", status=415):
    meaning = "Unrecognised file format."


class UnsupportedFormat(NotAPicture, code="unsupported-format"):
    meaning = "The file format is known but not accepted; `detail` names it."


class TooManyPixels(Unprocessable, code="too-many-pixels"):
    meaning = "The picture has more pixels, or takes more memory to decode, than the limit."


class TooManyBytes(Unprocessable, code="too-many-bytes"):
    meaning = "The file exceeds the size limit; it was not fetched."


class Corrupt(Unprocessable, code="corrupt"):
    meaning = "The file is truncated or damaged."


class TooSlow(Unprocessable, code="too-slow"):
    meaning = "Making the thumbnails takes longer than the time limit of a job."

    @classmethod
    def than(cls, seconds: float) -> Self:
        """Return the error of a job that exceeded the time limit, in seconds."""
        return cls(
            f"Making the thumbnails took longer than {seconds:g} seconds: "
            "request fewer or smaller ones, or send a smaller picture."
        )


class CannotFit(Unprocessable, code="cannot-fit"):
    meaning = "A thumbnail exceeds its `max_bytes` even at the lowest quality."


class DecoderCrashed(Unprocessable, code="decoder-crashed"):
    meaning = "The decoder crashed on this picture."


class GaveUp(Unprocessable, code="gave-up"):
    meaning = "Every attempt at the job failed; it may still be retried and succeed."


# Further thumbnails of an upload. Wishes fail with these too.


class NoMore(QuickThumbError):
    """The upload gets no further thumbnails; no retry can help."""

    detail = None


class UploadFailed(NoMore, code="upload-failed", status=409):
    meaning = "The job of this upload failed, so it gets no further thumbnails."


class TooManyThumbnails(NoMore, code="too-many-thumbnails", status=409):
    meaning = "The upload has as many thumbnails as an upload can have."


class OriginalGone(NoMore, code="original-gone", status=410):
    meaning = "The original was deleted, so no further thumbnails can be made of it."


def family(problem: type[QuickThumbError]) -> Iterator[type[QuickThumbError]]:
    """Yield a problem and the problems derived from it; classes without a code are skipped."""
    if "code" in vars(problem):
        yield problem
    for derived in problem.__subclasses__():
        yield from family(derived)


PROBLEMS = {problem.code: problem for problem in family(QuickThumbError)}
"""All problems by code."""
