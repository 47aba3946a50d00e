"""What both buckets have of each upload, found in one walk over both."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from quickthumb.store.originals import FoundOriginal
from quickthumb.store.results import FoundResults


@dataclass(frozen=True, slots=True)
class Entry:
    """What both buckets have of one upload: an original, results, or both.

    Attributes:
        key: by which the walk is ordered.
        original: None if it is not there.
        results: None if there are none, or if they lie elsewhere in the walk.
    """

    key: str
    original: FoundOriginal | None
    results: FoundResults | None


def side_by_side(
    originals: Iterator[FoundOriginal], results: Iterator[FoundResults]
) -> Iterator[Entry]:
    """Bring together what both buckets have of an upload, in one walk over both.

    Originals that are not named by their id come without results, since those lie elsewhere.
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
