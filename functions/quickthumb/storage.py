"""Buckets of Cloud Storage."""

import json
import secrets
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import quote, urlsplit

import google_crc32c

from quickthumb import tracing
from quickthumb.buckets import Blob, Content, Unread
from quickthumb.documents.untrusted import shown
from quickthumb.json_api import Answer, Client
from quickthumb.problems import InvalidMessage, Unavailable

_DESCRIPTION = "name,contentType,size,generation,updated,metadata"
"""The fields of a blob to ask for."""

_SMALL = 64 * 1024
"""Bytes of content that are cheaper to copy than to send on their own."""

_MOST_UNZIPPED = 256 * 1024 * 1024
"""Bytes of a blob that is stored compressed; a small one may hold any number of them."""

P = ParamSpec("P")
T = TypeVar("T")


def _named(
    call: Callable[Concatenate["CloudBucket", P], T],
) -> Callable[Concatenate["CloudBucket", P], T]:
    """Record a span, and name the bucket in errors."""

    @wraps(call)
    def wrapper(self: "CloudBucket", /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            with tracing.span(f"storage {call.__name__}", bucket=self.name):
                return call(self, *args, **kwargs)
        except Unavailable as error:
            raise Unavailable(f"Cloud Storage, bucket {self.name}: {error}") from error

    return wrapper


class CloudBucket:
    """A `Bucket` of Cloud Storage, or of its emulator.

    Args:
        client: from `json_api.connect`.
        name: of the bucket.
        call_seconds: how long a call is retried, seconds.
        sessions_url: scheme and host of resumable uploads; None for those of the client.
    """

    def __init__(
        self, client: Client, name: str, call_seconds: float, sessions_url: str | None = None
    ) -> None:
        self._client = client
        self._name = name
        self._seconds = call_seconds
        self._sessions_url = sessions_url
        self._blobs = f"/storage/v1/b/{quote(name, safe='')}/o"

    @property
    def name(self) -> str:
        return self._name

    @_named
    def create(
        self, name: str, data: bytes, content_type: str, metadata: Mapping[str, str]
    ) -> int | None:
        resource = {"contentType": content_type, "metadata": dict(metadata)}
        return self._put(name, data, resource, if_generation=0)

    @_named
    def begin(
        self,
        name: str,
        size: int,
        content_type: str,
        metadata: Mapping[str, str],
        origin: str | None,
    ) -> str:
        headers = {
            "Content-Type": "application/json",
            "X-Upload-Content-Type": content_type,
            "X-Upload-Content-Length": str(size),
            **({"Origin": origin} if origin else {}),
        }
        resource = {"name": name, "contentType": content_type, "metadata": dict(metadata)}
        answer = self._client.ask(
            "POST",
            f"/upload{self._blobs}",
            {"uploadType": "resumable", "ifGenerationMatch": 0},
            self._seconds,
            headers=headers,
            body=json.dumps(resource).encode(),
        )
        url = answer.headers.get("location")
        if not url:
            raise Unavailable(f"no URL to send {name} to")
        if self._sessions_url:
            _, _, path, query, _ = urlsplit(url)
            url = f"{self._sessions_url}{path}?{query}"
        return url

    @_named
    def write(
        self,
        name: str,
        data: bytes,
        content_type: str,
        cache_control: str,
        metadata: Mapping[str, str] | None = None,
        if_generation: int | None = None,
    ) -> bool:
        resource: dict[str, Any] = {"contentType": content_type, "cacheControl": cache_control}
        if metadata:
            resource["metadata"] = dict(metadata)
        return self._put(name, data, resource, if_generation) is not None

    @_named
    def read(self, name: str, generation: int | None = None) -> bytes | None:
        answer = self._download(name, generation)
        return None if answer.status == 404 else _verified(name, answer)

    @_named
    def fetch(self, name: str) -> Content | None:
        answer = self._download(name)
        if answer.status == 404:
            return None
        found = {"generation": answer.headers.get("x-goog-generation")}
        return Content(_verified(name, answer), _generation(name, found))

    @_named
    def stat(self, name: str) -> Blob | None:
        resource = self._resource(name)
        return None if resource is None else _described(resource)

    @_named
    def delete(self, name: str, generation: int | None = None) -> bool:
        query = {"generation": generation}
        answer = self._client.ask("DELETE", self._path(name), query, self._seconds, accepted=(404,))
        return answer.status != 404

    def walk(self, prefix: str = "", start: str = "", end: str = "") -> Iterator[Blob | Unread]:
        query: dict[str, str | int | None] = {
            "fields": f"items({_DESCRIPTION}),nextPageToken",
            "prefix": prefix or None,
            "startOffset": start or None,
            "endOffset": end or None,
        }
        while True:
            page = self._page(query)
            yield from map(_described_or_not, page.get("items", ()))
            query["pageToken"] = page.get("nextPageToken")
            if not query["pageToken"]:
                return

    @_named
    def _page(self, query: Mapping[str, str | int | None]) -> dict[str, Any]:
        return self._client.ask("GET", self._blobs, query, self._seconds).document

    def _download(self, name: str, generation: int | None = None) -> Answer:
        return self._client.ask(
            "GET",
            f"/download{self._path(name)}",
            {"alt": "media", "generation": generation},
            self._seconds,
            # A compressed blob comes as it is stored, so that its checksum can be verified.
            headers={"Accept-Encoding": "gzip"},
            accepted=(404,),
        )

    def _path(self, name: str) -> str:
        return f"{self._blobs}/{quote(name, safe='')}"

    def _resource(self, name: str, fields: str = _DESCRIPTION) -> dict[str, Any] | None:
        """Return some fields of a blob, None if it does not exist."""
        answer = self._client.ask(
            "GET", self._path(name), {"fields": fields}, self._seconds, accepted=(404,)
        )
        return None if answer.status == 404 else answer.document

    def _put(
        self, name: str, data: bytes, resource: dict[str, Any], if_generation: int | None
    ) -> int | None:
        """Write a blob, and return its generation.

        Args:
            name: of the blob.
            data: its content.
            resource: its other fields.
            if_generation: the current generation, 0 if there must be none; None for any.

        Returns:
            None: the current generation is another one.
        """
        resource = {**resource, "crc32c": _checksum(data)}
        boundary = secrets.token_hex(16)
        body = [
            f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n"
            f"{json.dumps(resource)}\r\n"
            f"--{boundary}\r\nContent-Type: {resource['contentType']}\r\n\r\n".encode(),
            data,
            f"\r\n--{boundary}--\r\n".encode(),
        ]
        headers = {
            "Content-Type": f"multipart/related; boundary={boundary}",
            "Content-Length": str(sum(map(len, body))),
        }
        answer = self._client.ask(
            "POST",
            f"/upload{self._blobs}",
            {"uploadType": "multipart", "name": name, "ifGenerationMatch": if_generation},
            self._seconds,
            headers=headers,
            body=body if len(data) > _SMALL else b"".join(body),
            accepted=(412,),
        )
        if answer.status != 412:
            return _generation(name, answer.document)
        if answer.is_repeated:  # perhaps an earlier attempt wrote it, and only its answer was lost
            found = self._resource(name, ",".join(("generation", *resource)))
            if found and all(found.get(key, {}) == value for key, value in resource.items()):
                return _generation(name, found)
        return None


def _generation(name: str, resource: Mapping[str, Any]) -> int:
    try:
        return int(resource["generation"])
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable(f"no generation for {name}") from error


def _checksum(data: bytes) -> str:
    return b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


def _verified(name: str, answer: Answer) -> bytes:
    """Return the content of a blob. Raises `Unavailable` if its checksum is wrong."""
    data = answer.body
    for entry in answer.headers.get("x-goog-hash", "").split(","):
        kind, _, expected = entry.strip().partition("=")
        if kind == "crc32c" and expected != _checksum(data):
            raise Unavailable(f"{name} arrived damaged: its checksum is not {expected}")
    if answer.headers.get("content-encoding") != "gzip":
        return data
    try:
        unzipped = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, _MOST_UNZIPPED + 1)
    except zlib.error as error:
        raise Unavailable(f"{name} is not compressed as it says: {error}") from error
    if len(unzipped) > _MOST_UNZIPPED:
        raise Unavailable(f"{name} has more than {_MOST_UNZIPPED:,} bytes when decompressed")
    return unzipped


def _described(resource: Mapping[str, Any]) -> Blob:
    """Return the description of a blob.

    Raises:
        InvalidMessage: a part is missing or malformed, as in an emulator that lost it.
    """
    try:
        metadata = resource.get("metadata") or {}
        "".join([resource["name"], *metadata, *metadata.values()]).encode()
        return Blob(
            name=resource["name"],
            content_type=resource.get("contentType") or "application/octet-stream",
            size=int(resource.get("size", 0)),
            generation=int(resource["generation"]),
            updated=datetime.fromisoformat(resource["updated"]).astimezone(UTC),
            metadata=metadata,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidMessage(
            f"the description of the blob {shown(resource.get('name'))} cannot be read: {error}"
        ) from error


def _described_or_not(resource: Mapping[str, Any]) -> Blob | Unread:
    try:
        return _described(resource)
    except InvalidMessage as error:
        return Unread(str(resource.get("name")), str(error))
