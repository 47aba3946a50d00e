"""The settings of a function, read from environment variables and validated once."""

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Self

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.formats import EXTRA
from quickthumb.limits import JOBS_BYTES, Limits
from quickthumb.options import Menu, parse_allowed, parse_renditions, parse_sizes
from quickthumb.policy import Policy
from quickthumb.problems import LOCALLY, InvalidSetting


def _text(pattern: str, expected: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"expected {expected}")
        return text

    return parse


_MIN_SECRET = 32  # characters

_bucket = _text(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", "a bucket name")
_topic = _text(r"projects/[^/]+/topics/[^/]+", "projects/PROJECT/topics/TOPIC")
_host = _text(r"https?://[^/?#\s]+", "http://HOST or https://HOST")
_url = _text(r"https?://[^/?#\s]+/\S*", "https://HOST/PATH")
_word = _text(r"\S+", "no spaces")
_account = _text(r"[^@\s]+@[^@\s]+", "the email address of a service account")


def _switch(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("expected true or false")
    return text == "true"


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text) or int(text) == 0:
        raise ValueError("expected a whole number above 0")
    return int(text)


def _age(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) == 0:
        raise ValueError("expected whole seconds, above 0 and below a billion")
    return int(text)


def _extra_formats(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(","))
    if not set(names) <= set(EXTRA):
        raise ValueError(f"expected a comma-separated list of {', '.join(EXTRA)}")
    return names


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(part.strip() for part in text.split(","))
    for origin in origins:
        if origin != "*" and not re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", origin):
            raise ValueError(
                "expected a comma-separated list of origins in the form that browsers send, "
                "https://app.example.com: lowercase, without a path or trailing slash; or *"
            )
    return origins


def _hashes(text: str) -> tuple[str, ...]:
    hashes = tuple(part.strip().lower() for part in text.split(","))
    for position, text in enumerate(hashes, 1):
        if not re.fullmatch(r"[0-9a-f]{64}", text):
            raise ValueError(
                "expected a comma-separated list of SHA-256 hashes of keys, 64 hexadecimal digits "
                f"each; entry {position} of {len(hashes)} is not a hash"
            )
    return hashes


def _secrets(text: str) -> tuple[str, ...]:
    secrets = tuple(part.strip() for part in text.split(","))
    for position, secret in enumerate(secrets, 1):
        if len(secret) < _MIN_SECRET:
            raise ValueError(
                f"expected a comma-separated list of random secrets, {_MIN_SECRET} characters or "
                f"more each; entry {position} of {len(secrets)} has {len(secret)}"
            )
    return secrets


def _setting(parse: Callable[[str], Any], *, secret: bool = False, **default: Any) -> Any:
    return field(metadata={"parse": parse, "secret": secret}, **default)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings; `sizes` is the variable `QUICKTHUMB_SIZES`, and so on.

    Attributes:
        originals_bucket: bucket of uploads.
        processed_bucket: bucket of thumbnails and manifests.
        requests_bucket: bucket of the records of requests with an `Idempotency-Key`.
        uploads_topic: full name of the topic of jobs, `projects/…/topics/…`.
        completed_topic: full name of the topic of events about finished jobs.
        renditions: named thumbnails that every upload gets:
            `small:256,cover:400x300:cover:webp`; see `options.parse_renditions`.
        sizes: default sizes, used when an upload requests none: longest sides in pixels; none if
            there are `renditions`.
        only_renditions: `true` rejects options of uploads: every upload gets `renditions` and
            `sizes`, and nothing else.
        on_demand: thumbnails that are made when somebody first asks for their address,
            `480,400x300:cover:webp`; see `options.parse_allowed`.
        signing_keys: keys that sign addresses of further thumbnails, each made likewise; any of
            them may sign. Without `on_demand` and these, no thumbnails are made on demand.
        max_upload_bytes: maximum size of a request body, bytes. Cloud Run itself rejects more than
            32 MiB (https://docs.cloud.google.com/run/quotas).
        receive_seconds: deadline for receiving a request body, seconds; below the timeout of the
            function, which would end the request without a response.
        max_original_bytes: maximum size of a picture to resize, bytes. It limits uploads that go
            directly to Cloud Storage; the file is held in memory while it is decoded.
        sessions_url: scheme and host for large uploads, if clients cannot reach Cloud Storage under
            the name that the functions use.
        max_files: maximum number of pictures in a request.
        max_pixels: maximum number of pixels of a picture, width times height.
        extra_formats: formats to accept in addition to the usual ones: `svg`, `pdf`, or `svg,pdf`;
            docs/imaging.md explains the risk.
        decoders: how many pictures an instance decodes at once, each in its own process.
        jobs_bytes: memory that all jobs in an instance share, bytes: originals, decoding, and
            thumbnails until they are stored. The rest of the instance's memory is for its
            processes: 110 MB for the function, and 60 MB for each decoder.
        max_wait_seconds: maximum of `?wait=`, seconds.
        takeover_seconds: how long a request waits for an earlier one with the same Idempotency-Key,
            seconds; after that, the earlier one has probably died, and this one takes over.
        public_url: scheme and host under which clients reach the service, for links in events; if
            not set, events have none. It is not taken from requests, whose senders choose it.
        cors_origins: origins whose pages may use the API from a browser, "*" for all.
        api_keys: SHA-256 of each key that may POST and DELETE; if empty, no key is needed.
        token_secrets: secrets that sign upload tokens, 32 characters or more each; the first signs
            new ones, all are accepted. If empty, there are no tokens.
        key_uploads_per_minute: how many pictures may be uploaded with an API key, and the tokens
            that it made, in a minute; if not set, any number.
        key_bytes_per_minute: the same, in bytes.
        push_audience: required audience of the push token; if not set, tokens are not checked.
            docs/access.md explains when to set it.
        push_account: email of the required service account of the push token.
        push_certs_url: URL of the certificates that verify the push token.
        call_seconds: how long a call to Cloud Storage or Pub/Sub is retried, seconds.
        sweep_seconds: duration of a sweep, seconds; below the timeout of its function.
        sweep_walk_seconds: how much of it goes to the walk over everything, as long as that finds
            nothing to do, seconds.
        sweep_after_seconds: age at which the job of an original without a manifest, or a job that
            was given up, is published again, seconds.
        sweep_attempts: how often a job is published again before it is given up for good.
        sweep_per_second: maximum rate at which a sweep publishes jobs.
        sweep_drop_seconds: how long after its thumbnails were made a sweep deletes an original,
            seconds; if not set, the bucket's lifecycle does.
    """

    originals_bucket: str = _setting(_bucket)
    processed_bucket: str = _setting(_bucket)
    requests_bucket: str = _setting(_bucket)
    uploads_topic: str = _setting(_topic)
    completed_topic: str = _setting(_topic)
    renditions: tuple[Rendition, ...] = _setting(parse_renditions, default=())
    sizes: tuple[int, ...] = _setting(parse_sizes, default=(256,))
    only_renditions: bool = _setting(_switch, default=False)
    on_demand: tuple[Rendition, ...] = _setting(parse_allowed, default=())
    signing_keys: tuple[str, ...] = _setting(_secrets, secret=True, default=())
    max_upload_bytes: int = _setting(_count, default=32 * 1024 * 1024)
    receive_seconds: int = _setting(_count, default=50)
    max_original_bytes: int = _setting(_count, default=100 * 1024 * 1024)
    sessions_url: str | None = _setting(_host, default=None)
    max_files: int = _setting(_count, default=20)
    max_pixels: int = _setting(_count, default=Limits().max_pixels)
    extra_formats: tuple[str, ...] = _setting(_extra_formats, default=())
    decoders: int = _setting(_count, default=1)
    jobs_bytes: int = _setting(_count, default=JOBS_BYTES)
    max_wait_seconds: int = _setting(_count, default=30)
    takeover_seconds: int = _setting(_count, default=5)
    public_url: str | None = _setting(_host, default=None)
    cors_origins: tuple[str, ...] = _setting(_origins, default=())
    api_keys: tuple[str, ...] = _setting(_hashes, secret=True, default=())
    token_secrets: tuple[str, ...] = _setting(_secrets, secret=True, default=())
    key_uploads_per_minute: int | None = _setting(_count, default=None)
    key_bytes_per_minute: int | None = _setting(_count, default=None)
    push_audience: str | None = _setting(_word, default=None)
    push_account: str | None = _setting(_account, default=None)
    push_certs_url: str = _setting(_url, default="https://www.googleapis.com/oauth2/v1/certs")
    call_seconds: int = _setting(_count, default=10)
    sweep_seconds: int = _setting(_count, default=240)
    sweep_walk_seconds: int = _setting(_count, default=30)
    sweep_after_seconds: int = _setting(_age, default=Policy().after_seconds)
    sweep_attempts: int = _setting(_count, default=Policy().attempts)
    sweep_per_second: int = _setting(_count, default=Policy().per_second)
    sweep_drop_seconds: int | None = _setting(_age, default=None)

    @property
    def gives_tokens(self) -> bool:
        """Whether there are upload tokens."""
        return bool(self.api_keys and self.token_secrets)

    @property
    def limits(self) -> Limits:
        """The limits of one picture."""
        return Limits(max_pixels=self.max_pixels, extra_formats=self.extra_formats)

    @property
    def policy(self) -> Policy:
        """The rules of a sweep."""
        return Policy(
            after_seconds=self.sweep_after_seconds,
            attempts=self.sweep_attempts,
            per_second=self.sweep_per_second,
            drop_seconds=self.sweep_drop_seconds,
        )

    @property
    def menu(self) -> Menu:
        """The available thumbnails."""
        return Menu(self.renditions, self.sizes, self.only_renditions)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read the settings from environment variables; others are ignored.

        Raises:
            InvalidSetting: a variable is missing or invalid; the message has its name, its value
                unless secret, and what was expected.
        """
        values: dict[str, Any] = {}
        for setting in fields(cls):
            name = f"QUICKTHUMB_{setting.name.upper()}"
            text = env.get(name, "")
            if text:
                try:
                    values[setting.name] = setting.metadata["parse"](text)
                except ValueError as error:
                    # The value may be a key instead of its hash, so it is not repeated.
                    shown = name if setting.metadata["secret"] else f"{name}: {text!r}"
                    raise InvalidSetting(f"{shown}: {error}") from None
        if "renditions" in values:
            values.setdefault("sizes", ())
        missing = [
            f"QUICKTHUMB_{setting.name.upper()}"
            for setting in fields(cls)
            if setting.default is MISSING and setting.name not in values
        ]
        if missing:
            raise InvalidSetting(f"{', '.join(missing)}: not set in the environment. {LOCALLY}")
        return cls(**values)
