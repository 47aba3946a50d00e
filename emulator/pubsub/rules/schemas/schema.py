"""A schema and its revisions."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from emulator.pubsub.rules.schemas.definition import Definition, read


class Revision:
    """One revision of a schema, which never changes.

    Attributes:
        description: The `Schema` that clients read.
    """

    def __init__(self, description: Any) -> None:
        self.description = description

    @cached_property
    def definition(self) -> Definition:
        """The definition, read on first use."""
        return read(self.description)


@dataclass(eq=False)
class Schema:
    """A schema.

    Attributes:
        name: Full name.
        revisions: By id, oldest first; there is always one.
        access: Its `google.iam.v1.Policy`, serialized; empty if nobody has set one.
    """

    name: str
    revisions: dict[str, Revision] = field(default_factory=dict)
    access: bytes = b""

    @property
    def newest(self) -> Revision:
        """The newest revision."""
        return self.revisions[next(reversed(self.revisions))]

    def add(self, description: Any) -> None:
        """Add a revision, newer than all others."""
        self.revisions[description.revision_id] = Revision(description)

    def between(self, first: str, last: str) -> list[Revision]:
        """Return the revisions that a topic accepts, newest first.

        Args:
            first: Id of the oldest one; an empty or deleted one sets no limit.
            last: Id of the newest one; an empty or deleted one sets no limit.
        """
        ids = list(self.revisions)
        start = ids.index(first) if first in self.revisions else 0
        end = ids.index(last) if last in self.revisions else len(ids) - 1
        return [self.revisions[revision] for revision in reversed(ids[start : end + 1])]
