"""A topology in environment variables, in the form that popular images of Google's emulator read.

    PUBSUB_PROJECT1=shop,orders:billing:audit+http://localhost:9000/push,refunds
    PUBSUB_PROJECT2=warehouse,deliveries

A project, then its topics; behind a topic its subscriptions; behind a subscription the endpoint
that its messages are pushed to. Those images cannot have a colon in an endpoint: they write
`localhost|9000` or `localhost#9000`, without `http://`, which this accepts too.
"""

import re
from collections.abc import Mapping
from typing import Any

from emulator.pubsub.errors import TopologyInvalid
from emulator.pubsub.topology.document import Topology, read_document

_VARIABLE = re.compile(r"PUBSUB_PROJECT([1-9][0-9]*)")
# A name begins with a letter, so a colon before a digit is that of a port, and one before a slash
# that of a scheme.
_SEPARATOR = re.compile(r":(?![0-9]|//)")
_FORM = "expected PROJECT,TOPIC:SUBSCRIPTION:SUBSCRIPTION+ENDPOINT,TOPIC"


def read_variables(environment: Mapping[str, str]) -> Topology:
    """Read the topology in `PUBSUB_PROJECT1`, `PUBSUB_PROJECT2` and so on; empty ones are skipped.

    Raises:
        TopologyInvalid: If a variable has another form; the text names all of them.
    """
    numbers = (int(match[1]) for name in environment if (match := _VARIABLE.fullmatch(name)))
    topology = Topology()
    problems: list[str] = []
    for number in sorted(numbers):
        variable = f"PUBSUB_PROJECT{number}"
        try:
            if document := _document(variable, environment[variable]):
                topology += read_document(document, variable)
        except TopologyInvalid as error:
            problems += error.problems
    if problems:
        raise TopologyInvalid(problems)
    return topology


def _document(variable: str, text: str) -> dict[str, Any]:
    """Return a variable in the form of a file."""
    project, *items = "".join(text.split()).split(",")
    if not (project or items):
        return {}
    topics: dict[str, Any] = {}
    for item in filter(None, items):
        topic, *subscriptions = _SEPARATOR.split(item)
        if not (project and topic and all(subscriptions)):
            raise TopologyInvalid([f"{variable}: {item!r}: {_FORM}"])
        described = topics.setdefault(topic, {"subscriptions": {}})["subscriptions"]
        for subscription in subscriptions:
            name, _, endpoint = subscription.partition("+")
            described[name] = {"pushConfig": {"pushEndpoint": _url(endpoint)}} if endpoint else {}
    return {"projects": {project: {"topics": topics}}}


def _url(endpoint: str) -> str:
    if "://" in endpoint:
        return endpoint
    host, slash, path = endpoint.partition("/")
    return "http://" + re.sub(r"[|#](?=[0-9]+$)", ":", host) + slash + path
