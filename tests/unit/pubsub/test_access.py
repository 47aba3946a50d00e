import pytest
from google.iam.v1.policy_pb2 import Binding, Policy
from google.protobuf.field_mask_pb2 import FieldMask

from emulator.pubsub import protos
from emulator.pubsub.rules.access import Access
from emulator.pubsub.rules.catalogue import Catalogue
from emulator.pubsub.rules.errors import Aborted, InvalidArgument, NotFound
from emulator.pubsub.rules.schemas.book import SchemaBook
from tests.unit.pubsub.sandbox import START, TOPIC, Sandbox

SUBSCRIPTION = "projects/p/subscriptions/all"
SNAPSHOT = "projects/p/snapshots/before"
SCHEMA = "projects/p/schemas/state"
RESOURCES = [TOPIC, SUBSCRIPTION, SNAPSHOT, SCHEMA]

ALL_FIELDS = FieldMask()
VIEWERS = Policy(bindings=[Binding(role="roles/pubsub.viewer", members=["allUsers"])])
EDITORS = Policy(bindings=[Binding(role="roles/pubsub.editor", members=["allUsers"])])


@pytest.fixture
def access():
    sandbox = Sandbox()
    catalogue = Catalogue(sandbox.registry)
    catalogue.create_subscription(protos.Subscription(name=SUBSCRIPTION, topic=TOPIC))
    catalogue.create_snapshot(SNAPSHOT, SUBSCRIPTION, {}, START)
    schema = protos.Schema(type_=2, definition='"string"')
    SchemaBook(sandbox.registry).create("projects/p", "state", schema, START)
    return Access(sandbox.registry)


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_policy_is_kept_for_each_resource(access, resource):
    assert access.policy(resource) == Policy(etag=b"\x00\x20\x01")
    made = access.set_policy(resource, VIEWERS, ALL_FIELDS)
    assert made.bindings == VIEWERS.bindings
    assert access.policy(resource) == made
    others = [access.policy(other) for other in RESOURCES if other != resource]
    assert not any(policy.bindings for policy in others)


def test_a_change_of_a_policy_that_has_changed_meanwhile_is_refused(access):
    first = access.set_policy(TOPIC, VIEWERS, ALL_FIELDS)
    second = access.set_policy(TOPIC, VIEWERS, ALL_FIELDS)
    assert first.etag != second.etag
    with pytest.raises(Aborted, match="concurrent policy changes"):
        access.set_policy(TOPIC, Policy(bindings=EDITORS.bindings, etag=first.etag), ALL_FIELDS)
    assert access.policy(TOPIC) == second
    access.set_policy(TOPIC, Policy(bindings=EDITORS.bindings, etag=second.etag), ALL_FIELDS)
    assert access.policy(TOPIC).bindings == EDITORS.bindings


def test_a_policy_without_an_etag_replaces_any_other(access):
    access.set_policy(TOPIC, VIEWERS, ALL_FIELDS)
    assert not access.set_policy(TOPIC, Policy(), ALL_FIELDS).bindings


def test_a_mask_names_what_is_changed(access):
    access.set_policy(TOPIC, Policy(version=1, bindings=VIEWERS.bindings), ALL_FIELDS)
    changed = access.set_policy(TOPIC, EDITORS, FieldMask(paths=["bindings"]))
    assert (changed.version, changed.bindings) == (1, EDITORS.bindings)
    with pytest.raises(InvalidArgument, match="no field nope"):
        access.set_policy(TOPIC, EDITORS, FieldMask(paths=["nope"]))


@pytest.mark.parametrize(
    "policy",
    [
        Policy(version=2),
        Policy(bindings=[Binding(members=["allUsers"])]),
        Policy(bindings=[Binding(role="roles/x", condition={"expression": "true"})]),
    ],
)
def test_an_invalid_policy_is_refused(access, policy):
    with pytest.raises(InvalidArgument):
        access.set_policy(TOPIC, policy, ALL_FIELDS)


def test_everybody_has_all_permissions_of_what_exists(access):
    wanted = ["pubsub.topics.publish", "pubsub.topics.delete"]
    access.set_policy(TOPIC, Policy(), ALL_FIELDS)
    assert access.permissions(TOPIC, wanted) == wanted
    assert access.permissions(TOPIC + "-2", wanted) == []
    with pytest.raises(InvalidArgument, match="wildcard"):
        access.permissions(TOPIC, ["pubsub.topics.*"])


@pytest.mark.parametrize(
    ("resource", "error"),
    [(f"{name}-2", NotFound) for name in RESOURCES]
    + [(name, InvalidArgument) for name in ("", "things", "projects/p/things/x", "a/b/schemas")],
)
def test_what_does_not_exist_has_no_policy(access, resource, error):
    with pytest.raises(error):
        access.policy(resource)
    with pytest.raises(error):
        access.set_policy(resource, VIEWERS, ALL_FIELDS)
