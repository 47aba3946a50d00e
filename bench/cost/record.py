"""Stored measurements, so that other prices need no new ones."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from bench.cost.calls import Call

RECORD = Path(__file__).with_name("measured.json")


class InvalidRecord(Exception):
    """The file of what was measured cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What an upload with its thumbnails took.

    Attributes:
        options: of the upload.
        upload: the request that sent it.
        resize: the request that made all thumbnails.
        thumbnails: bytes of all together.
        manifest: bytes of it.
        results: blobs that are kept of it beside the original: thumbnails and the manifest.
        view: the request that fetches one thumbnail.
        largest: bytes of the largest thumbnail.
    """

    options: dict[str, str]
    upload: Call
    resize: Call
    thumbnails: int
    manifest: int
    results: int
    view: Call
    largest: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and what it took.

    Attributes:
        name: of its file.
        size: bytes.
        taken: with each of the options that were tried.
    """

    name: str
    size: int
    taken: tuple[Taken, ...]

    def with_options(self, options: Mapping[str, str]) -> Taken:
        """Return what it took with some options.

        Raises:
            InvalidRecord: they were not tried.
        """
        for taken in self.taken:
            if taken.options == options:
                return taken
        raise InvalidRecord(f"{self.name} was not measured with {dict(options)}")


@dataclass(frozen=True, slots=True)
class Walk:
    """One run of `sweep`, and what it took.

    Attributes:
        uploads: that were kept: an original, one thumbnail and a manifest of each.
        brought: of these, how many another program had put below `incoming/`.
        page: names that a page of a listing had at most; Cloud Storage's own is 1,000.
        delay: how long each page was held back, seconds.
        class_a: operations that write or list.
        class_b: operations that read.
        cpu_seconds: of one processor.
        seconds: from the call to its answer.
        logged: bytes of the entries of its log, without those of the call itself.
    """

    uploads: int
    brought: int
    page: int
    delay: float
    class_a: int
    class_b: int
    cpu_seconds: float
    seconds: float
    logged: int


@dataclass(frozen=True, slots=True)
class Record:
    """All that was measured.

    Attributes:
        measured: on which day, and on what machine.
        rounds: uploads of each picture and setting.
        pictures: what each took.
        memory: the most bytes that a function held.
        walks: runs of `sweep`.
        image_bytes: the packages that functions/ asks for, compressed as in an image; None where
            that was not measured.
    """

    measured: str
    rounds: int
    pictures: tuple[Picture, ...]
    memory: dict[str, int]
    walks: tuple[Walk, ...] = ()
    image_bytes: int | None = None

    def write(self, path: Path) -> None:
        """Write the file that `load` reads."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path = RECORD) -> Self:
        """Read a file that `write` wrote.

        Raises:
            InvalidRecord: it is not there, or none of this version.
        """
        try:
            return cls._read(json.loads(path.read_text()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidRecord(
                f"{path}: no record of this version: {error!r}. Make one with --measure."
            ) from None

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Self:
        return cls(
            **{
                **document,
                "pictures": tuple(_picture(each) for each in document["pictures"]),
                "walks": tuple(Walk(**each) for each in document["walks"]),
            }
        )


def _picture(document: dict[str, Any]) -> Picture:
    taken = tuple(
        Taken(**{**each, **{name: _call(each[name]) for name in ("upload", "resize", "view")}})
        for each in document["taken"]
    )
    return Picture(**{**document, "taken": taken})


def _call(document: dict[str, Any]) -> Call:
    return Call(**{**document, "published": tuple(document["published"])})
