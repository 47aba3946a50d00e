"""The environment of a function, read and checked once."""

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Self

from quickthumb.documents.rendition import Rendition
from quickthumb.limits import Limits
from quickthumb.options import Menu, parse_renditions, parse_sizes
from quickthumb.policy import Policy
from quickthumb.problems import LOCALLY, InvalidSetting


def _bucket(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", text):
        raise ValueError("expected the name of a bucket")
    return text


def _topic(text: str) -> str:
    if not re.fullmatch(r"projects/[^/]+/topics/[^/]+", text):
        raise ValueError("expected projects/PROJECT/topics/TOPIC")
    return text


def _switch(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("expected true or false")
    return text == "true"


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://[^/?#\s]+", text):
        raise ValueError("expected http://HOST or https://HOST")
    return text


def _address(text: str) -> str:
    if not re.fullmatch(r"https?://[^/?#\s]+/\S*", text):
        raise ValueError("expected https://HOST/PATH")
    return text


def _word(text: str) -> str:
    if re.search(r"\s", text):
        raise ValueError("expected no spaces")
    return text


def _account(text: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", text):
        raise ValueError("expected the email address of a service account")
    return text


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text) or int(text) == 0:
        raise ValueError("expected a whole number above 0")
    return int(text)


def _age(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) == 0:
        raise ValueError("expected whole seconds, above 0 and below a billion")
    return int(text)


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(part.strip() for part in text.split(","))
    for origin in origins:
        if origin != "*" and not re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", origin):
            raise ValueError(
                "expected origins separated by commas, https://app.example.com, as a browser sends "
                "them: in small letters, with neither a path nor a slash at the end; or *"
            )
    return origins


def _hashes(text: str) -> tuple[str, ...]:
    hashes = tuple(part.strip().lower() for part in text.split(","))
    for position, text in enumerate(hashes, 1):
        if not re.fullmatch(r"[0-9a-f]{64}", text):
            raise ValueError(
                "expected SHA-256 hashes of keys, 64 hexadecimal digits each, separated by commas; "
                f"number {position} of {len(hashes)} is none"
            )
    return hashes


def _setting(parse: Callable[[str], Any], *, secret: bool = False, **default: Any) -> Any:
    return field(metadata={"parse": parse, "secret": secret}, **default)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says: `sizes` is the variable `QUICKTHUMB_SIZES`, and so on.

    Attributes:
        originals_bucket: where uploads are kept.
        processed_bucket: where thumbnails and manifests are kept.
        requests_bucket: where requests that bear an `Idempotency-Key` are remembered.
        uploads_topic: full name of the topic that carries jobs, `projects/…/topics/…`.
        completed_topic: full name of the topic that tells of finished jobs.
        renditions: thumbnails with names of their own that every upload gets, whatever it asks for:
            `small:256,cover:400x300:cover:webp`; see `options.parse_renditions`.
        sizes: longest sides of the thumbnails of an upload that asks for none, pixels; none where
            there are `renditions`.
        only_renditions: `true` refuses the options of uploads: every upload gets `renditions` and
            `sizes`, and nothing else.
        max_upload_bytes: the largest request body accepted, bytes. Cloud Run itself refuses more
            than 32 MiB (https://docs.cloud.google.com/run/quotas).
        receive_seconds: within which the body of a request has to arrive, seconds; below the
            time-out of the function, which would end it without a word.
        max_original_bytes: the largest picture that is fetched to be resized, bytes. It bounds the
            uploads that go to Cloud Storage directly, and is held in memory beside what is decoded.
        sessions_url: scheme and host to which clients send large uploads, where they cannot reach
            Cloud Storage under the name that the functions use.
        max_files: the most pictures one request may carry.
        max_pixels: the most pixels a picture may have, width times height.
        decoders: how many pictures are decoded at once, each in a process of its own; each needs
            memory of its own.
        max_wait_seconds: the longest `?wait=` granted, seconds.
        takeover_seconds: how long a request waits for an earlier one with the same Idempotency-Key,
            seconds; if that has no answer by then, it most likely died, and is done again.
        cors_origins: origins whose pages may use the API from a browser, "*" for every one.
        api_keys: SHA-256 of each key that may POST and DELETE; without any, no key is needed.
        push_audience: whom the token has to be for that Pub/Sub sends with a push; without it none
            is asked for. See docs/pushes.md for when to set this.
        push_account: email of the service account that this token has to be of.
        push_certs_url: where the certificates are that prove who made it.
        call_seconds: how long a call to Cloud Storage or Pub/Sub is retried, seconds.
        sweep_seconds: how long one sweep works, seconds; below the time-out of its function.
        sweep_after_seconds: age at which an original without a manifest is published again, and a
            job that was given up.
        sweep_attempts: how often that is done before the job stays given up.
        sweep_per_second: the most jobs that a sweep publishes in a second.
        sweep_drop_seconds: how long after its thumbnails were made an original is deleted by a
            sweep; not set, it lies until the bucket deletes it.
    """

    originals_bucket: str = _setting(_bucket)
    processed_bucket: str = _setting(_bucket)
    requests_bucket: str = _setting(_bucket)
    uploads_topic: str = _setting(_topic)
    completed_topic: str = _setting(_topic)
    renditions: tuple[Rendition, ...] = _setting(parse_renditions, default=())
    sizes: tuple[int, ...] = _setting(parse_sizes, default=(256,))
    only_renditions: bool = _setting(_switch, default=False)
    max_upload_bytes: int = _setting(_count, default=32 * 1024 * 1024)
    receive_seconds: int = _setting(_count, default=50)
    max_original_bytes: int = _setting(_count, default=100 * 1024 * 1024)
    sessions_url: str | None = _setting(_url, default=None)
    max_files: int = _setting(_count, default=20)
    max_pixels: int = _setting(_count, default=Limits().max_pixels)
    decoders: int = _setting(_count, default=1)
    max_wait_seconds: int = _setting(_count, default=30)
    takeover_seconds: int = _setting(_count, default=5)
    cors_origins: tuple[str, ...] = _setting(_origins, default=())
    api_keys: tuple[str, ...] = _setting(_hashes, secret=True, default=())
    push_audience: str | None = _setting(_word, default=None)
    push_account: str | None = _setting(_account, default=None)
    push_certs_url: str = _setting(_address, default="https://www.googleapis.com/oauth2/v1/certs")
    call_seconds: int = _setting(_count, default=10)
    sweep_seconds: int = _setting(_count, default=240)
    sweep_after_seconds: int = _setting(_age, default=Policy().after_seconds)
    sweep_attempts: int = _setting(_count, default=Policy().attempts)
    sweep_per_second: int = _setting(_count, default=Policy().per_second)
    sweep_drop_seconds: int | None = _setting(_age, default=None)

    @property
    def limits(self) -> Limits:
        """What one picture may cost."""
        return Limits(max_pixels=self.max_pixels)

    @property
    def policy(self) -> Policy:
        """When a job counts as lost."""
        return Policy(
            after_seconds=self.sweep_after_seconds,
            attempts=self.sweep_attempts,
            per_second=self.sweep_per_second,
            drop_seconds=self.sweep_drop_seconds,
        )

    @property
    def menu(self) -> Menu:
        """Which thumbnails there are to have."""
        return Menu(self.renditions, self.sizes, self.only_renditions)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read the settings from environment variables; those of other names are ignored.

        Raises:
            InvalidSetting: a variable is missing or wrong; the message names it, its value unless
                that is a secret, and what was expected.
        """
        values: dict[str, Any] = {}
        for setting in fields(cls):
            name = f"QUICKTHUMB_{setting.name.upper()}"
            text = env.get(name, "")
            if text:
                try:
                    values[setting.name] = setting.metadata["parse"](text)
                except ValueError as error:
                    # In the place of a hash there may be the key itself: it is not repeated.
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
