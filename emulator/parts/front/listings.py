"""Listings of a bucket, from its files.

For a listing, fake-gcs-server walks over its whole bucket, whatever the prefix, holds up all writes
meanwhile, and sends everything at once. Here only folders that may contain such names are read, and
a page has at most a thousand names, as in Cloud Storage.

The server answers where this module cannot: where Python cannot read the metadata, as on macOS, if
the request has other options, or if the description of a blob cannot be read.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, quote

from emulator import data_folder
from emulator.parts.front.exchange import Exchange
from emulator.parts.front.http1 import JSON, Refused, Request

_PATH = re.compile(r"/storage/v1/b/([a-z0-9][a-z0-9._-]*)/o/?")
_MOST = 1000
"""Names of a page: https://docs.cloud.google.com/storage/docs/json_api/v1/objects/list."""

_WITHOUT_EFFECT = frozenset(("alt", "fields", "prettyPrint", "projection", "userProject"))
_UNSET = "0001-01-01T00:00:00Z"

_ATTRIBUTES = {
    "ContentType": "contentType",
    "ContentEncoding": "contentEncoding",
    "ContentDisposition": "contentDisposition",
    "ContentLanguage": "contentLanguage",
    "CacheControl": "cacheControl",
    "Crc32c": "crc32c",
    "Md5Hash": "md5Hash",
    "Etag": "etag",
    "StorageClass": "storageClass",
    "Metadata": "metadata",
    "Created": "timeCreated",
    "Updated": "updated",
    "CustomTime": "customTime",
}
"""Members of the attribute in which the server keeps the description of a blob, and what they are
called in Cloud Storage."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a request lists.

    Attributes:
        bucket: its name.
        prefix: of the names.
        start: the first name, inclusive.
        end: exclusive; empty for no limit.
        most: maximum number of names.
    """

    bucket: str
    prefix: str
    start: str
    end: str
    most: int

    @classmethod
    def read(cls, request: Request) -> Self | None:
        """Read a request; None if the server has to answer it."""
        path, _, query_text = request.target.partition("?")
        match = _PATH.fullmatch(path)
        if request.method != "GET" or not match or not data_folder.can_read_metadata():
            return None
        query = {name: texts[0] for name, texts in parse_qs(query_text).items()}
        prefix = query.pop("prefix", "")
        start, end = query.pop("startOffset", ""), query.pop("endOffset", "")
        start = query.pop("pageToken", start)
        most = query.pop("maxResults", str(_MOST))
        if query.keys() - _WITHOUT_EFFECT or not re.fullmatch("[1-9][0-9]{0,8}", most):
            return None
        if {"", ".", ".."} & set(prefix.split("/")[:-1]) or "\0" in prefix:
            return None
        return cls(match[1], prefix, start, end, min(int(most), _MOST))

    def names(self, folder: str) -> Iterator[str]:
        """Yield the names of blobs in the folder of the bucket, in order."""
        inside, slash, _ = self.prefix.rpartition("/")
        yield from self._below(folder, inside + slash)

    def _below(self, folder: str, inside: str) -> Iterator[str]:
        """Yield the names that begin with the path of a folder, which ends with a slash."""
        found = []
        try:
            with os.scandir(f"{folder}/{inside}") as entries:
                for entry in entries:
                    name = inside + entry.name
                    if data_folder.BESIDE and name.endswith(data_folder.BESIDE):
                        continue
                    if self._may_be_in(name):
                        # Names that begin with that of a folder go on with a slash.
                        found.append(f"{name}/" if entry.is_dir(follow_symlinks=False) else name)
        except (FileNotFoundError, NotADirectoryError):
            return
        for name in sorted(found):
            if name.endswith("/"):
                yield from self._below(folder, name)
            elif name.startswith(self.prefix) and name >= self.start:
                yield name

    def _may_be_in(self, name: str) -> bool:
        """Return whether a blob or folder of that name may be, or contain, what is listed."""
        if self.end and name >= self.end:
            return False
        # "0" follows "/", so the latter comes after all names in that folder.
        if self.start and name + "0" <= self.start:
            return False
        return name.startswith(self.prefix) or self.prefix.startswith(f"{name}/")


def answer(exchange: Exchange) -> bool:
    """Answer a request if it is for a listing; return whether it was."""
    listing = Listing.read(exchange.request)
    if listing is None:
        _expect_right(exchange.request)
        return False
    folder = f"{exchange.front.folder}/{listing.bucket}"
    if not Path(folder).is_dir():
        return False
    names = listing.names(folder)
    try:
        page = list(islice(names, listing.most))
        items = [_described(folder, listing.bucket, name, exchange.front.name) for name in page]
    except (OSError, ValueError, KeyError, TypeError):
        _expect_right(exchange.request)
        return False  # the server may be writing it just now
    document: dict[str, Any] = {"kind": "storage#objects"}
    if present := [item for item in items if item]:
        document["items"] = present
    if (following := next(names, None)) is not None:
        document["nextPageToken"] = following
    for _ in exchange.body():
        pass
    exchange.say(200, JSON, json.dumps(document, separators=(",", ":")).encode())
    return True


def _expect_right(request: Request) -> None:
    """Check that the server's own answer to a request will be right.

    Raises:
        Refused: it is a listing by prefix on Windows, where the server finds nothing.
    """
    path, _, query = request.target.partition("?")
    is_listing = request.method == "GET" and _PATH.fullmatch(path)
    if data_folder.BESIDE and is_listing and parse_qs(query).get("prefix"):
        raise Refused(
            503,
            "A blob is being written just now, or the listing has other options than prefix, "
            "startOffset, endOffset, pageToken and maxResults, which the emulator does not have on "
            "Windows.",
        )


def _described(folder: str, bucket: str, name: str, host: str) -> dict[str, Any] | None:
    """Return the resource of a blob; None if it was deleted meanwhile.

    Raises:
        OSError, ValueError, KeyError, TypeError: it cannot be read.
    """
    file = f"{folder}/{name}"
    try:
        kept = json.loads(data_folder.metadata_of(file))
        size = Path(file).stat().st_size
    except FileNotFoundError:
        return None
    path = f"{quote(bucket, safe='')}/o/{quote(name, safe='')}"
    return {
        "kind": "storage#object",
        "name": name,
        "id": f"{bucket}/{name}",
        "bucket": bucket,
        "size": str(size),
        "generation": str(kept["Generation"]),
        "metageneration": "1",
        "timeStorageClassUpdated": kept["Updated"],
        "selfLink": f"http://{host}/storage/v1/b/{path}",
        "mediaLink": f"http://{host}/download/storage/v1/b/{path}?alt=media",
        **{
            public: kept[own]
            for own, public in _ATTRIBUTES.items()
            if kept.get(own) and kept[own] != _UNSET
        },
    }
