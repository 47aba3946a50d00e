"""Which files to upload, and what to call their thumbnails."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePath

from emulator.errors import InvalidOption
from emulator.formats import USUAL

_HEAD = 2048
"""Bytes that identify the format of a file; AVIF and HEIC need the most."""


@dataclass(frozen=True, slots=True)
class Input:
    """A picture to upload.

    Attributes:
        path: the file.
        stem: path of its thumbnails below the output folder, without `_256.jpg`.
    """

    path: Path
    stem: PurePath


def find_inputs(arguments: Iterable[Path], out: Path) -> list[Input]:
    """Return the given files and the pictures in the given folders, each with a unique stem.

    Given files are always included, so that errors are reported. In folders, hidden files, the
    output folder, and readable files in unsupported formats are skipped.

    Raises:
        InvalidOption: an argument is neither a file nor a folder.
    """
    found: dict[Path, PurePath] = {}
    for argument in arguments:
        if argument.is_dir():
            for path in _pictures(argument, out.resolve()):
                found.setdefault(path, path.relative_to(argument))
        elif argument.is_file():
            found.setdefault(argument, PurePath(argument.name))
        else:
            raise InvalidOption(f"{argument}: no such file or folder")
    return _with_stems(found, out)


def _pictures(folder: Path, out: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        # Only files are resolved: anything else may be a link to itself.
        if hidden or not path.is_file() or out in path.resolve().parents:
            continue
        if _looks_like_a_picture(path):
            yield path


def _looks_like_a_picture(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return True  # the upload will report the reason
    return any(each.begins(head) for each in USUAL)


def _with_stems(found: dict[Path, PurePath], out: Path) -> list[Input]:
    """Give each input a unique stem whose thumbnails do not overwrite an input."""
    # Some file systems ignore case.
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
    """Yield stems; for `cat.jpg`: cat, cat.jpg, cat.jpg-2, cat.jpg-3 and so on."""
    yield name.with_suffix("")
    yield name
    for number in count(2):
        yield name.with_name(f"{name.name}-{number}")
