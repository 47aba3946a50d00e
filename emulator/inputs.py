"""Which files to send, and what their thumbnails are called."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from emulator.errors import InvalidOption
from emulator.formats import FORMATS

_HEAD = 2048
"""Bytes that tell the format of a file; the longest head is that of AVIF and HEIC."""


@dataclass(frozen=True, slots=True)
class Input:
    """A picture to send.

    Attributes:
        path: where it is.
        stem: where its thumbnails go, below the output folder, without `_256.jpg`.
    """

    path: Path
    stem: PurePath


def find_inputs(arguments: Iterable[Path], out: Path) -> list[Input]:
    """Return the files named, and the pictures in the folders named, with a stem of its own each.

    A file is taken whatever it is, so that its refusal is reported; so is one that cannot be read.
    In a folder, files that are hidden, lie in the output folder or are of no accepted format are
    skipped.

    Raises:
        InvalidOption: a name is neither a file nor a folder.
    """
    found: dict[Path, PurePath] = {}
    for argument in arguments:
        if argument.is_dir():
            for path in _pictures(argument, out.resolve()):
                found.setdefault(path, path.relative_to(argument))
        elif argument.is_file():
            found.setdefault(argument, PurePath(argument.name))
        else:
            raise InvalidOption(f"{argument}: there is no such file or folder")
    return _with_stems(found, out)


def _pictures(folder: Path, out: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        # What is no file is not resolved: it may be a link to itself.
        if hidden or not path.is_file() or out in path.resolve().parents:
            continue
        if _looks_like_a_picture(path):
            yield path


def _looks_like_a_picture(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return True  # it may be one, and whoever sends it tells why it cannot be read
    return any(each.begins(head) for each in FORMATS)


def _with_stems(found: dict[Path, PurePath], out: Path) -> list[Input]:
    """Give each input a stem that no other has and that makes no name of an input itself."""
    # Some file systems take CAT.jpg and cat.jpg for the same.
    inputs = {str(path.resolve()).casefold() for path in found}
    taken: set[str] = set()
    result = []
    for path, name in found.items():
        for stem in _candidates(name):
            key = str(stem).casefold()
            prefix = str((out / stem).resolve()).casefold() + "_"
            if key not in taken and not any(other.startswith(prefix) for other in inputs):
                break
        taken.add(key)
        result.append(Input(path, stem))
    return result


def _candidates(name: PurePath) -> Iterator[PurePath]:
    """Yield stems, for `cat.jpg` these: cat, cat.jpg, cat.jpg-2 and so on."""
    yield name.with_suffix("")
    yield name
    number = 2
    while True:
        yield name.with_name(f"{name.name}-{number}")
        number += 1
