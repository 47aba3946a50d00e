"""Names of projects, topics, subscriptions, snapshots and schemas.

https://docs.cloud.google.com/pubsub/docs/pubsub-basics#resource_names
"""

import re
from uuid import uuid4

from emulator.pubsub.rules.errors import InvalidArgument

_SHORT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}")
_PROJECT = re.compile(r"projects/[^/]+")


def check(collection: str, name: str) -> str:
    """Return the full name of a resource if it is valid.

    Args:
        collection: `topics`, `subscriptions`, `snapshots` or `schemas`.
        name: `projects/{project}/{collection}/{short name}`.

    Raises:
        InvalidArgument: If it is not.
    """
    project, separator, short_name = name.partition(f"/{collection}/")
    if not separator or not _PROJECT.fullmatch(project):
        raise InvalidArgument(
            f"Invalid resource name given (name={name}). It must be of the form"
            f" projects/{{project}}/{collection}/{{name}}. Refer to"
            " https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names."
        )
    if not _SHORT_NAME.fullmatch(short_name) or short_name.startswith("goog"):
        raise InvalidArgument(
            f"Invalid [{collection}] name: (name={name}). It must have 3 to 255 characters, start"
            " with a letter but not with 'goog', and consist of letters, digits and -_.~+%. Refer"
            " to https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names."
        )
    return name


def invent(collection: str, neighbour: str) -> str:
    """Return a new name of a subscription or a snapshot, for which the client has given none.

    Args:
        collection: `subscriptions` or `snapshots`.
        neighbour: A valid full name in the same project: of the topic or the subscription.
    """
    _, project, _ = neighbour.split("/", 2)
    return f"projects/{project}/{collection}/{collection[:-1]}-{uuid4()}"


def check_project(name: str) -> str:
    """Return `projects/{project}` if it is of that form.

    Raises:
        InvalidArgument: If it is not.
    """
    if not _PROJECT.fullmatch(name):
        raise InvalidArgument(
            f"Invalid resource name given (name={name}). It must be of the form"
            " projects/{project}."
        )
    return name
