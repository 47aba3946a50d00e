"""Names of the files that a Cloud Storage subscription writes.

https://docs.cloud.google.com/pubsub/docs/create-cloudstorage-subscription#file_names
"""

import re
from datetime import UTC, datetime

from emulator.pubsub.rules.errors import InvalidArgument
from emulator.pubsub.rules.policies import ExportTarget

_DEFAULT_FORMAT = "YYYY-MM-DDThh:mm:ss+00:00"

_MATCHERS = {
    "YYYY": "%Y",
    "YY": "%y",
    "MM": "%m",
    "DD": "%d",
    "hh": "%H",
    "mm": "%M",
    "ss": "%S",
    "T": "T",
    "Z": "Z",
    "+00:00": "+00:00",
}
_REQUIRED = ({"YYYY", "YY"}, {"MM"}, {"DD"}, {"hh"}, {"mm"}, {"ss"})
_AT_MOST_ONCE = (*_REQUIRED, {"T"}, {"Z", "+00:00"})

# They may be repeated, and one at the end replaces the separator before the random part.
_PUNCTUATION = "-_:/"

# In the order of the table, so that four letters of the year are not two times two.
_ELEMENT = re.compile("|".join([*map(re.escape, _MATCHERS), f"[{_PUNCTUATION}]"]))


def check(datetime_format: str) -> None:
    """Check a format of dates in names; an empty one means the default.

    Raises:
        InvalidArgument: If it has something else than the matchers of dates, or one too few or
            too many.
    """
    if not datetime_format:
        return
    elements = _ELEMENT.findall(datetime_format)
    times = [sum(element in kind for element in elements) for kind in _AT_MOST_ONCE]
    complete = all(times[: len(_REQUIRED)]) and max(times) == 1
    if not complete or "".join(elements) != datetime_format:
        raise InvalidArgument(
            f"Invalid cloud_storage_config.filename_datetime_format: {datetime_format}. It must"
            " have YYYY or YY, MM, DD, hh, mm and ss once each; T, and Z or +00:00, may be there"
            " once; - _ : / may be anywhere."
        )


def blob_name(target: ExportTarget, now: float, unique: str) -> str:
    """Return the name of a file.

    Args:
        target: What the subscription writes.
        now: When the file is created, in seconds since the epoch.
        unique: Random text that makes the name unique.
    """
    pattern = target.datetime_format or _DEFAULT_FORMAT
    created = datetime.fromtimestamp(now, UTC)
    date = _ELEMENT.sub(lambda found: _formatted(created, found[0]), pattern)
    separator = "" if pattern[-1] in _PUNCTUATION else "_"
    return f"{target.prefix}{date}{separator}{unique}{target.suffix}"


def _formatted(created: datetime, element: str) -> str:
    return created.strftime(_MATCHERS[element]) if element in _MATCHERS else element
