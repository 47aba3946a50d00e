"""Everything this package raises.

The functions answer an error by its class alone: `Refused` and `Unprocessable` are final, so the
request is refused or the message acknowledged; `Unavailable` and `InvalidMessage` may heal, so the
caller is told to come back or the message is delivered again. `Unauthenticated` is for whoever
delivers a message, and says nothing of the message.
"""

from typing import ClassVar, Self

LOCALLY = 'On your machine, eval "$(python3 -m emulator env)" sets all of them while `up` runs.'
"""What helps who started a function by hand."""


class QuickThumbError(Exception):
    """Base of everything this package raises."""


class InvalidSetting(QuickThumbError):
    """A setting in the environment is missing or wrong; the function cannot start."""


class NoCredentials(InvalidSetting):
    """There is neither an emulator to talk to nor an identity on Google Cloud."""

    def __init__(self, emulator: str) -> None:
        super().__init__(
            f"There are no credentials for Google Cloud, and {emulator} names no emulator. Set "
            f"STORAGE_EMULATOR_HOST and PUBSUB_EMULATOR_HOST, or GOOGLE_APPLICATION_CREDENTIALS. "
            f"{LOCALLY}"
        )


class Unavailable(QuickThumbError):
    """A part that is needed did not do what was asked; the same call may succeed later.

    Cloud Storage, Pub/Sub, or the system, when it starts no process to decode pictures in.
    """


class Busy(QuickThumbError):
    """There is no room for a request beside those at work; the same call may succeed later."""


class InvalidMessage(QuickThumbError):
    """A message or document is none that this version can read.

    Another version may, so a message is delivered again and ends in the dead-letter topic at last.
    """


class NotPublished(Unavailable):
    """Pub/Sub did not take a message; another one may have the same trouble."""


class Unauthenticated(QuickThumbError):
    """A message is delivered without a token that proves who does; it is not taken."""


class WrongCaller(Unauthenticated):
    """A message is delivered by who is known, but may not; it is not taken."""


class Refused(QuickThumbError):
    """The request is at fault; nothing was stored.

    Attributes:
        code: the stable name of the problem, the last part of its `type`.
        field: the form field, query parameter or header at fault, where there is one.
    """

    code: ClassVar[str] = "bad-request"

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.field = field


class NoFile(Refused):
    """The request carries no picture."""

    code = "no-file"


class EmptyFile(Refused):
    """The picture has no bytes."""

    code = "empty-file"


class InvalidOption(Refused):
    """An option has a value that is not allowed; the message says which are."""

    code = "invalid-option"


class TooLarge(Refused):
    """The upload has more bytes than the limit."""

    code = "too-large"


class TooLate(Refused):
    """The body of the request does not arrive in time."""

    code = "request-timeout"


class UnsupportedEncoding(Refused):
    """The body is compressed by the request's own statement, `Content-Encoding`."""

    code = "unsupported-encoding"


class Unauthorized(Refused):
    """The request needs a key, and has none that is accepted."""

    code = "unauthorized"


class InvalidKey(Refused):
    """The `Idempotency-Key` of the request cannot be one."""

    code = "invalid-idempotency-key"


class KeyReused(Refused):
    """Another request came with this `Idempotency-Key` before."""

    code = "idempotency-key-reused"


class Unprocessable(QuickThumbError):
    """The picture itself is at fault; no retry can help.

    Attributes:
        code: the stable name of the problem, shown to the user and kept in the manifest.
    """

    code: ClassVar[str] = "unprocessable"


class NotAPicture(Unprocessable):
    """The bytes are of no format that is accepted."""

    code = "not-a-picture"


class UnsupportedFormat(NotAPicture):
    """The bytes are of a format that is known and not accepted; the message names it."""

    code = "unsupported-format"


class TooManyPixels(Unprocessable):
    """The header declares more than a limit allows, or decoding takes more memory than that."""

    code = "too-many-pixels"


class TooManyBytes(Unprocessable):
    """The file has more bytes than the limit; it was not fetched."""

    code = "too-many-bytes"


class Corrupt(Unprocessable):
    """The format is accepted, but the bytes end early or make no sense."""

    code = "corrupt"


class TooSlow(Unprocessable):
    """Making the thumbnails takes longer than the time limit of a job."""

    code = "too-slow"

    @classmethod
    def than(cls, seconds: float) -> Self:
        """Return the error of a job that took longer than so many seconds."""
        return cls(
            f"Making the thumbnails took longer than {seconds:g} seconds: "
            "ask for fewer or smaller ones, or send a smaller picture."
        )


class CannotFit(Unprocessable):
    """No quality makes a thumbnail as light as was asked."""

    code = "cannot-fit"


class DecoderCrashed(Unprocessable):
    """The program that decodes pictures crashes on this one."""

    code = "decoder-crashed"


class GaveUp(Unprocessable):
    """Every attempt at a job ended without a result; it may still be tried again, and be done."""

    code = "gave-up"
