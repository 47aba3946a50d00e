"""Merges the listings of both buckets."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from quickthumb.store.originals import FoundOriginal
from quickthumb.store.results import FoundResults


@dataclass(frozen=True, slots=True)
class Entry:
    """The original and results of an upload.

    Attributes:
        key: sort key.
        original: None if it does not exist.
        results: None if there are none, or if they have another key.
    """

    key: str
    original: FoundOriginal | None
    results: FoundResults | None


def side_by_side(
    originals: Iterator[FoundOriginal], results: Iterator[FoundResults]
) -> Iterator[Entry]:
    """Merge the listings of both buckets.

    An original that is not named by its id comes without results, since they have another key.
    """
    result = next(results, None)
    for original in originals:
        while result and result.id < original.stem:
            yield Entry(result.id, None, result)
            result = next(results, None)
        mine = None
        if result and result.id == original.stem == original.job.id:
            mine, result = result, next(results, None)
        yield Entry(original.stem, original, mine)
    yield from (Entry(rest.id, None, rest) for rest in chain([result] if result else [], results))
