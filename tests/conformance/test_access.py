"""Access policies: kept for each resource. Nobody is ever refused."""

import pytest
from google.api_core.exceptions import Aborted, NotFound

IAM = "https://docs.cloud.google.com/pubsub/docs/access-control"

VIEWERS = [{"role": "roles/pubsub.viewer", "members": ["domain:example.com"]}]


@pytest.fixture(params=["topic", "subscription"])
def resource(request, broker, topic, subscribe):
    """A client, and the name of a resource that it administers."""
    if request.param == "topic":
        return broker.publisher, topic
    return broker.subscriber, subscribe()


@pytest.mark.departure("has no policies", IAM)
def test_a_policy_is_read_changed_and_written_back(resource):
    client, name = resource
    policy = client.get_iam_policy(request={"resource": name})
    assert list(policy.bindings) == []
    policy.bindings.add(role="roles/pubsub.viewer", members=["domain:example.com"])
    written = client.set_iam_policy(request={"resource": name, "policy": policy})
    assert client.get_iam_policy(request={"resource": name}) == written
    assert written.bindings == policy.bindings


@pytest.mark.departure("has no policies", IAM)
def test_of_two_who_change_a_policy_the_second_is_refused(resource):
    client, name = resource
    policy = client.get_iam_policy(request={"resource": name})
    client.set_iam_policy(request={"resource": name, "policy": policy})
    with pytest.raises(Aborted):
        client.set_iam_policy(request={"resource": name, "policy": policy}, retry=None)


@pytest.mark.departure("has no policies", IAM)
def test_everything_is_permitted(resource):
    client, name = resource
    client.set_iam_policy(request={"resource": name, "policy": {"bindings": VIEWERS}})
    wanted = ["pubsub.topics.publish", "pubsub.topics.update"]
    answer = client.test_iam_permissions(request={"resource": name, "permissions": wanted})
    assert list(answer.permissions) == wanted


@pytest.mark.departure("has no policies", IAM)
def test_what_does_not_exist_has_no_policy(broker, name):
    missing = f"projects/conformance/topics/{name}"
    with pytest.raises(NotFound):
        broker.publisher.get_iam_policy(request={"resource": missing})
