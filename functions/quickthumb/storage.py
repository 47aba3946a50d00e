"""Buckets of Cloud Storage."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlsplit

import requests
from google.api_core.exceptions import GoogleAPIError, NotFound, PreconditionFailed
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.cloud.storage.retry import DEFAULT_RETRY

from quickthumb import tracing
from quickthumb.buckets import Blob, Content, Unread
from quickthumb.documents.untrusted import shown
from quickthumb.problems import InvalidMessage, NoCredentials, Unavailable

_CONNECTIONS = 64  # kept open; above our concurrency

Client = storage.Client

P = ParamSpec("P")
T = TypeVar("T")


def _translated(
    call: Callable[Concatenate["CloudBucket", P], T],
) -> Callable[Concatenate["CloudBucket", P], T]:
    """Convert errors of the client library to `Unavailable`."""

    @wraps(call)
    def wrapper(self: "CloudBucket", /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            with tracing.span(f"storage {call.__name__}", bucket=self.name):
                return call(self, *args, **kwargs)
        except (
            GoogleAPIError,
            GoogleAuthError,
            requests.RequestException,
            InvalidResponse,
            DataCorruption,
        ) as error:
            raise Unavailable(f"Cloud Storage, bucket {self.name}: {error}") from error

    return wrapper


class CloudBucket:
    """A `Bucket` of Cloud Storage, or of the emulator that `STORAGE_EMULATOR_HOST` names.

    Args:
        client: from `connect`.
        name: of the bucket.
        call_seconds: how long a call is retried, seconds.
        sessions_url: scheme and host of resumable uploads; None for those of the client.
    """

    def __init__(
        self,
        client: storage.Client,
        name: str,
        call_seconds: float,
        sessions_url: str | None = None,
    ) -> None:
        self._client = client
        self._bucket = client.bucket(name)
        self._sessions_url = sessions_url
        retry = DEFAULT_RETRY.with_delay(initial=0.1, maximum=2).with_timeout(call_seconds)
        timeout = (min(call_seconds, 3.0), call_seconds)  # to connect, to receive the next byte
        self._patience: dict[str, Any] = {"retry": retry, "timeout": timeout}

    @property
    def name(self) -> str:
        return str(self._bucket.name)

    @_translated
    def create(
        self, name: str, data: bytes, content_type: str, metadata: Mapping[str, str]
    ) -> int | None:
        blob = self._bucket.blob(name)
        blob.metadata = dict(metadata)
        try:
            blob.upload_from_string(
                data, content_type=content_type, if_generation_match=0, **self._patience
            )
        except PreconditionFailed:
            return None
        if blob.generation is None:
            raise Unavailable(f"Cloud Storage returned no generation for {name}")
        return int(blob.generation)

    @_translated
    def begin(
        self,
        name: str,
        size: int,
        content_type: str,
        metadata: Mapping[str, str],
        origin: str | None,
    ) -> str:
        blob = self._bucket.blob(name)
        blob.metadata = dict(metadata)
        url: str = blob.create_resumable_upload_session(
            content_type=content_type,
            size=size,
            origin=origin,
            if_generation_match=0,
            **self._patience,
        )
        if self._sessions_url:
            _, _, path, query, _ = urlsplit(url)
            url = f"{self._sessions_url}{path}?{query}"
        return url

    @_translated
    def write(
        self,
        name: str,
        data: bytes,
        content_type: str,
        cache_control: str,
        metadata: Mapping[str, str] | None = None,
        if_generation: int | None = None,
    ) -> bool:
        blob = self._bucket.blob(name)
        blob.cache_control = cache_control
        if metadata:
            blob.metadata = dict(metadata)
        try:
            blob.upload_from_string(
                data,
                content_type=content_type,
                if_generation_match=if_generation,
                **self._patience,
            )
        except PreconditionFailed:
            return False
        return True

    @_translated
    def read(self, name: str, generation: int | None = None) -> bytes | None:
        blob = self._bucket.blob(name, generation=generation)
        try:
            data: bytes = blob.download_as_bytes(single_shot_download=True, **self._patience)
        except NotFound:
            return None
        return data

    @_translated
    def fetch(self, name: str) -> Content | None:
        blob = self._bucket.blob(name)
        try:
            data = blob.download_as_bytes(single_shot_download=True, **self._patience)
        except NotFound:
            return None
        if blob.generation is None:
            raise Unavailable(f"Cloud Storage returned no generation for {name}")
        return Content(data, int(blob.generation))

    @_translated
    def stat(self, name: str) -> Blob | None:
        blob = self._bucket.get_blob(name, **self._patience)
        return _described(blob) if blob else None

    @_translated
    def delete(self, name: str, generation: int | None = None) -> bool:
        try:
            self._bucket.blob(name, generation=generation).delete(**self._patience)
        except NotFound:
            return False
        return True

    def walk(self, prefix: str = "", start: str = "", end: str = "") -> Iterator[Blob | Unread]:
        pages = self._client.list_blobs(
            self._bucket,
            prefix=prefix or None,
            start_offset=start or None,
            end_offset=end or None,
            **self._patience,
        ).pages
        while page := self._next_page(pages):
            yield from page

    @_translated
    def _next_page(self, pages: Iterator[Iterator[storage.Blob]]) -> list[Blob | Unread]:
        """Return the next page that has blobs, an empty list after the last one."""
        for page in pages:
            if blobs := [_described_or_not(blob) for blob in page]:
                return blobs
        return []


def connect() -> storage.Client:
    """Return a client with enough connections for every request of an instance.

    Raises:
        NoCredentials: there is neither an emulator nor an identity.
    """
    try:
        client = storage.Client()
    except DefaultCredentialsError as error:
        raise NoCredentials("STORAGE_EMULATOR_HOST") from error
    # By default, requests keeps ten connections to a host.
    adapter = requests.adapters.HTTPAdapter(pool_maxsize=_CONNECTIONS)
    client._http.mount("https://", adapter)
    client._http.mount("http://", adapter)
    return client


def _described(blob: storage.Blob) -> Blob:
    """Return the description of a blob.

    Raises:
        InvalidMessage: a part is missing or malformed, as in an emulator that lost it.
    """
    try:
        metadata = blob.metadata or {}
        "".join([blob.name, *metadata, *metadata.values()]).encode()
        return Blob(
            name=blob.name,
            content_type=blob.content_type or "application/octet-stream",
            size=blob.size or 0,
            generation=int(blob.generation),
            updated=blob.updated.astimezone(UTC),
            metadata=metadata,
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise InvalidMessage(
            f"the description of the blob {shown(blob.name)} cannot be read: {error}"
        ) from error


def _described_or_not(blob: storage.Blob) -> Blob | Unread:
    try:
        return _described(blob)
    except InvalidMessage as error:
        return Unread(str(blob.name), str(error))
