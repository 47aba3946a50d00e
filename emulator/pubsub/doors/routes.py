"""Which HTTP request is which method of the API.

The table repeats the HTTP annotations of `google.pubsub.v1` and Pub/Sub's own ones of
`google.iam.v1`. The descriptors in google-cloud-pubsub do not contain them, and importing its
transports, which do, takes longer than starting the broker; a test compares the two.
https://github.com/googleapis/googleapis/tree/master/google/pubsub/v1
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

# Method of the API, HTTP method, path template (google.api.HttpRule), and what the body contains:
# "*" for the whole request, or the name of a field.
_TABLE = """
CreateTopic             PUT    /v1/{name=projects/*/topics/*}                                     *
UpdateTopic             PATCH  /v1/{topic.name=projects/*/topics/*}                               *
Publish                 POST   /v1/{topic=projects/*/topics/*}:publish                            *
GetTopic                GET    /v1/{topic=projects/*/topics/*}
ListTopics              GET    /v1/{project=projects/*}/topics
ListTopicSubscriptions  GET    /v1/{topic=projects/*/topics/*}/subscriptions
ListTopicSnapshots      GET    /v1/{topic=projects/*/topics/*}/snapshots
DeleteTopic             DELETE /v1/{topic=projects/*/topics/*}
DetachSubscription      POST   /v1/{subscription=projects/*/subscriptions/*}:detach
CreateSubscription      PUT    /v1/{name=projects/*/subscriptions/*}                              *
GetSubscription         GET    /v1/{subscription=projects/*/subscriptions/*}
UpdateSubscription      PATCH  /v1/{subscription.name=projects/*/subscriptions/*}                 *
ListSubscriptions       GET    /v1/{project=projects/*}/subscriptions
DeleteSubscription      DELETE /v1/{subscription=projects/*/subscriptions/*}
ModifyAckDeadline       POST   /v1/{subscription=projects/*/subscriptions/*}:modifyAckDeadline    *
Acknowledge             POST   /v1/{subscription=projects/*/subscriptions/*}:acknowledge          *
Pull                    POST   /v1/{subscription=projects/*/subscriptions/*}:pull                 *
ModifyPushConfig        POST   /v1/{subscription=projects/*/subscriptions/*}:modifyPushConfig     *
Seek                    POST   /v1/{subscription=projects/*/subscriptions/*}:seek                 *
GetSnapshot             GET    /v1/{snapshot=projects/*/snapshots/*}
ListSnapshots           GET    /v1/{project=projects/*}/snapshots
CreateSnapshot          PUT    /v1/{name=projects/*/snapshots/*}                                  *
UpdateSnapshot          PATCH  /v1/{snapshot.name=projects/*/snapshots/*}                         *
DeleteSnapshot          DELETE /v1/{snapshot=projects/*/snapshots/*}
CreateSchema            POST   /v1/{parent=projects/*}/schemas                                    schema
GetSchema               GET    /v1/{name=projects/*/schemas/*}
ListSchemas             GET    /v1/{parent=projects/*}/schemas
ListSchemaRevisions     GET    /v1/{name=projects/*/schemas/*}:listRevisions
CommitSchema            POST   /v1/{name=projects/*/schemas/*}:commit                             *
RollbackSchema          POST   /v1/{name=projects/*/schemas/*}:rollback                           *
DeleteSchemaRevision    DELETE /v1/{name=projects/*/schemas/*}:deleteRevision
DeleteSchema            DELETE /v1/{name=projects/*/schemas/*}
ValidateSchema          POST   /v1/{parent=projects/*}/schemas:validate                           *
ValidateMessage         POST   /v1/{parent=projects/*}/schemas:validateMessage                    *
"""  # noqa: E501 - a table

_ACCESS_CONTROLLED = ("topics", "subscriptions", "snapshots", "schemas")
_ACCESS_CONTROL = (
    ("GetIamPolicy", "GET", ""),
    ("SetIamPolicy", "POST", "*"),
    ("TestIamPermissions", "POST", "*"),
)


@dataclass(frozen=True)
class Route:
    """A method of the API as an HTTP request.

    Attributes:
        name: Of the method.
        verb: HTTP method.
        template: Path, with a variable in braces.
        body: `*` if the body is the whole request, the name of a field if it is that field, and
            empty if there is none.
        variable: Field that the variable in the path sets, such as `topic.name`.
    """

    name: str
    verb: str
    template: str
    body: str
    variable: str
    _pattern: re.Pattern[str]

    def match(self, path: str) -> str | None:
        """Return the value of the variable if the path is of this route, else None."""
        found = self._pattern.fullmatch(path)
        return unquote(found[1]) if found else None


def find(verb: str, path: str) -> tuple[Route, str] | None:
    """Return the route of a request and the value of its variable; None if there is none."""
    for route in _BY_VERB.get(verb, ()):
        value = route.match(path)
        if value is not None:
            return route, value
    return None


def _routes() -> Iterator[Route]:
    for line in _TABLE.strip().splitlines():
        yield _route(*line.split())
    for name, verb, body in _ACCESS_CONTROL:
        custom = name[0].lower() + name[1:]
        for collection in _ACCESS_CONTROLLED:
            template = f"/v1/{{resource=projects/*/{collection}/*}}:{custom}"
            yield _route(name, verb, template, body)


def _route(name: str, verb: str, template: str, body: str = "") -> Route:
    before, variable, value, after = re.split(r"\{(.+)=(.+)\}", template)
    pattern = re.escape(before) + "(" + value.replace("*", "[^/]+") + ")" + re.escape(after)
    return Route(name, verb, template, body, variable, re.compile(pattern))


ROUTES = tuple(_routes())

# Those that end in `:verb` first, since a name in the others matches it too.
_BY_VERB: dict[str, list[Route]] = {}
for _route_ in sorted(ROUTES, key=lambda route: "}:" not in route.template):
    _BY_VERB.setdefault(_route_.verb, []).append(_route_)
