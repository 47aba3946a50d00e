"""Stores measurements, so that prices can change without measuring again."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from bench.cost.calls import Call

RECORD = Path(__file__).with_name("measured.json")


class InvalidRecord(Exception):
    """The file of measurements is invalid; the message says why."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The resources used by an upload and its thumbnails.

    Attributes:
        options: of the upload.
        upload: the request to `upload`.
        resize: the request to `resize`.
        thumbnails: total size of the thumbnails, bytes.
        manifest: size of the manifest, bytes.
        results: number of thumbnails and manifests.
        view: a request for one thumbnail.
        largest: size of the largest thumbnail, bytes.
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
    """A measured picture.

    Attributes:
        name: of its file.
        size: bytes.
        taken: resources used, for each of the measured options.
    """

    name: str
    size: int
    taken: tuple[Taken, ...]

    def with_options(self, options: Mapping[str, str]) -> Taken:
        """Return the resources used with given options.

        Raises:
            InvalidRecord: they were not measured.
        """
        for taken in self.taken:
            if taken.options == options:
                return taken
        raise InvalidRecord(f"{self.name} was not measured with {dict(options)}")


@dataclass(frozen=True, slots=True)
class Walk:
    """A measured run of `sweep`.

    Attributes:
        uploads: number stored, each with an original, one thumbnail and a manifest.
        brought: how many of them another program had put below `incoming/`.
        page: maximum names per page of a listing; in Cloud Storage, it is 1,000.
        delay: added to each page, seconds.
        class_a: operations that write or list.
        class_b: operations that read.
        cpu_seconds: CPU time.
        seconds: from the request to the response.
        logged: size of its log entries, without those for the request, bytes.
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
    """All measurements.

    Attributes:
        measured: date and machine.
        rounds: uploads per picture and options.
        pictures: the measured pictures.
        memory: peak memory by function, bytes.
        walks: runs of `sweep`.
        image_bytes: size of functions/ with its packages, compressed as in an image; None if not
            measured.
    """

    measured: str
    rounds: int
    pictures: tuple[Picture, ...]
    memory: dict[str, int]
    walks: tuple[Walk, ...] = ()
    image_bytes: int | None = None

    def write(self, path: Path) -> None:
        """Write a file for `load`."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path = RECORD) -> Self:
        """Read a file written by `write`.

        Raises:
            InvalidRecord: it is missing, or of another version.
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
