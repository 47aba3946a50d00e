"""Every type of problem: its code, its status, and what it means."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from quickthumb.api import problems
from quickthumb.problems import QuickThumbError, Refused, Unprocessable


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of problem.

    Attributes:
        code: its stable name.
        status: of HTTP.
        meaning: a sentence.
        field: whether the documents name the field at fault.
    """

    code: str
    status: int
    meaning: str
    field: bool = False

    @property
    def document(self) -> dict[str, Any]:
        """The kind by itself, as `GET /problems/{code}` answers it."""
        whole = self.example
        return {name: whole[name] for name in ("type", "title", "status", "code", "detail")}

    @property
    def example(self) -> dict[str, Any]:
        """A problem document of this kind."""
        field = "file" if self.field else None
        return problems.body_of(self.status, self.code, self.meaning, field)


def _of_errors(base: type[QuickThumbError]) -> Iterator[Kind]:
    """Return the kind of each error class; its docstring says what it means."""
    error = base("")
    body = problems.document(error)
    meaning = (inspect.getdoc(base) or "").partition("\n")[0]
    yield Kind(body["code"], body["status"], meaning, issubclass(base, Refused | Unprocessable))
    for derived in base.__subclasses__():
        yield from _of_errors(derived)


REFUSED = tuple(_of_errors(Refused))
"""The request is at fault."""

UNPROCESSABLE = tuple(_of_errors(Unprocessable))
"""The picture is at fault; also what a job fails with."""

OTHERS = (
    Kind("not-found", 404, "There is nothing at this path: it never was, or it was deleted."),
    Kind("not-ready", 404, "The thumbnail is not made yet; `Retry-After` says when to ask again."),
    Kind("cross-origin", 403, "Pages of this origin may not send this; see the settings."),
    Kind("range-not-satisfiable", 416, "The thumbnail has no byte of the range."),
    Kind("method-not-allowed", 405, "The path is there, but not for this method; see `Allow`."),
    Kind("internal", 500, "Something went wrong in the service; its log has more."),
    Kind("misconfigured", 500, "A setting of the service is missing or wrong."),
    Kind("busy", 503, "Too many uploads are on their way; nothing was stored."),
    Kind("unavailable", 503, "Storage or messaging does not answer; nothing was stored."),
)

KINDS = {kind.code: kind for kind in (*REFUSED, *UNPROCESSABLE, *OTHERS)}
"""All of them by code."""
