"""The REST API: by plain HTTP, by google-cloud-pubsub, by gcloud-aio-pubsub, and by gcloud."""

import asyncio
import base64
import os
import shutil
import subprocess
import threading

import pytest
import requests
from google.api_core.exceptions import NotFound
from google.auth.credentials import AnonymousCredentials
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherRestTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberRestTransport

from tests.conformance.brokers import PROJECT

REFERENCE = "https://docs.cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1"
IAM = "https://docs.cloud.google.com/pubsub/docs/access-control"
CORS = "https://fetch.spec.whatwg.org/#http-cors-protocol"


@pytest.fixture
def call(broker):
    """Send a request; return the status and the document of the response."""
    with requests.Session() as session:

        def call(method, path, document=None, **headers):
            url = f"http://{broker.address}/{path}"
            response = session.request(method, url, json=document, headers=headers, timeout=30)
            return response.status_code, response.json()

        yield call


def messages(*data):
    return {"messages": [{"data": base64.b64encode(item).decode()} for item in data]}


def test_the_root_says_that_it_is_ready(broker):
    response = requests.get(f"http://{broker.address}/", timeout=30)
    assert (response.status_code, response.text) == (200, "Ok\n")


def test_resources_are_made_read_changed_listed_and_deleted(call, name):
    topic, subscription = f"{PROJECT}/topics/{name}", f"{PROJECT}/subscriptions/{name}"
    assert call("PUT", f"v1/{topic}", {"labels": {"a": "b"}})[0] == 200
    status, made = call("PUT", f"v1/{subscription}", {"topic": topic})
    assert status == 200
    assert made["ackDeadlineSeconds"] == 10
    assert made["messageRetentionDuration"] == "604800s"
    changes = {"subscription": {"ackDeadlineSeconds": 33}, "updateMask": "ackDeadlineSeconds"}
    assert call("PATCH", f"v1/{subscription}", changes)[1]["ackDeadlineSeconds"] == 33
    assert call("GET", f"v1/{subscription}")[1]["ackDeadlineSeconds"] == 33
    assert call("GET", f"v1/{topic}/subscriptions") == (200, {"subscriptions": [subscription]})
    listed = call("GET", f"v1/{PROJECT}/topics?pageSize=1000")[1]["topics"]
    assert topic in [entry["name"] for entry in listed]
    assert call("DELETE", f"v1/{subscription}") == (200, {})
    assert call("DELETE", f"v1/{topic}") == (200, {})
    assert call("GET", f"v1/{topic}")[0] == 404


def test_a_pull_subscription_has_an_empty_push_config(call, subscribe):
    assert call("GET", f"v1/{subscribe()}")[1]["pushConfig"] == {}


def test_a_message_is_published_pulled_and_acknowledged(call, topic, subscribe):
    path = subscribe()
    document = messages(b"\xff\x00hello")
    document["messages"][0]["attributes"] = {"a": "ü"}
    status, published = call("POST", f"v1/{topic}:publish", document)
    assert status == 200
    status, pulled = call("POST", f"v1/{path}:pull", {"maxMessages": 10})
    [received] = pulled["receivedMessages"]
    message = received["message"]
    assert base64.b64decode(message["data"]) == b"\xff\x00hello"
    assert message["attributes"] == {"a": "ü"}
    assert [message["messageId"]] == published["messageIds"]
    assert call("POST", f"v1/{path}:acknowledge", {"ackIds": [received["ackId"]]}) == (200, {})
    empty = {"maxMessages": 10, "returnImmediately": True}
    assert call("POST", f"v1/{path}:pull", empty) == (200, {})


def test_a_message_goes_from_rest_to_grpc_and_back(call, topic, subscribe, publish, pull):
    by_grpc, by_rest = subscribe(), subscribe()
    call("POST", f"v1/{topic}:publish", messages(b"rest"))
    publish(b"grpc")
    assert {received.message.data for received in pull(by_grpc, 2)} == {b"rest", b"grpc"}
    seen = set()
    while len(seen) < 2:
        _, pulled = call("POST", f"v1/{by_rest}:pull", {"maxMessages": 10})
        seen |= {entry["message"]["data"] for entry in pulled.get("receivedMessages", [])}
    assert {base64.b64decode(data) for data in seen} == {b"rest", b"grpc"}


def test_errors_are_told_as_a_status(call, topic):
    for method, path, document, code, status in (
        ("GET", f"v1/{topic}-missing", None, 404, "NOT_FOUND"),
        ("PUT", f"v1/{topic}", {}, 409, "ALREADY_EXISTS"),
        ("PUT", f"v1/{PROJECT}/topics/a", {}, 400, "INVALID_ARGUMENT"),
        ("POST", f"v1/{topic}:publish", {"messages": [{}]}, 400, "INVALID_ARGUMENT"),
        ("POST", f"v1/{topic}:publish", {"bogus": 1}, 400, "INVALID_ARGUMENT"),
        ("POST", f"v1/{topic}:publish", {"messages": [{"data": "%"}]}, 400, "INVALID_ARGUMENT"),
    ):
        told, answer = call(method, path, document)
        assert (told, answer["error"]["code"], answer["error"]["status"]) == (code, code, status)
        assert answer["error"]["message"]


def test_a_page_of_this_machine_is_allowed(broker):
    asked = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "PUT"}
    url = f"http://{broker.address}/v1/{PROJECT}/topics"
    answer = requests.options(url, headers=asked, timeout=30)
    assert answer.ok
    assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"]


@pytest.mark.departure("allows every page", CORS)
def test_a_page_of_the_internet_is_refused(broker):
    url = f"http://{broker.address}/v1/{PROJECT}/topics"
    answer = requests.get(url, headers={"Origin": "https://evil.test"}, timeout=30)
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert not answer.ok


@pytest.mark.departure("refuses it", REFERENCE)
def test_a_snapshot_without_a_name_gets_one(broker, subscribe):
    path = subscribe()
    snapshot = broker.subscriber.create_snapshot(request={"subscription": path})
    broker.subscriber.delete_snapshot(snapshot=snapshot.name)
    assert snapshot.name.startswith(f"{PROJECT}/snapshots/")


def test_a_subscription_without_a_name_gets_one(broker, topic):
    made = [broker.subscriber.create_subscription(request={"topic": topic}).name for _ in range(2)]
    for path in made:
        assert path.startswith(f"{PROJECT}/subscriptions/")
        broker.subscriber.delete_subscription(subscription=path)
    assert len(set(made)) == 2


def test_the_rest_transport_of_google_cloud_pubsub_works(broker, name):
    to = {
        "host": broker.address,
        "url_scheme": "http",
        "credentials": AnonymousCredentials(),
    }
    publisher = PublisherClient(transport=PublisherRestTransport(**to))
    subscriber = SubscriberClient(transport=SubscriberRestTransport(**to))
    topic, path = f"{PROJECT}/topics/{name}", f"{PROJECT}/subscriptions/{name}"
    publisher.create_topic(name=topic)
    subscriber.create_subscription(name=path, topic=topic, ack_deadline_seconds=20)
    sent = {"data": b"\xff\x00", "attributes": {"a": "ü"}}
    [message_id] = publisher.publish(topic=topic, messages=[sent]).message_ids
    [received] = subscriber.pull(subscription=path, max_messages=1).received_messages
    assert (received.message.data, received.message.message_id) == (b"\xff\x00", message_id)
    subscriber.acknowledge(subscription=path, ack_ids=[received.ack_id])
    changed = subscriber.update_subscription(
        subscription={"name": path, "ack_deadline_seconds": 44},
        update_mask={"paths": ["ack_deadline_seconds"]},
    )
    assert changed.ack_deadline_seconds == 44
    assert path in list(publisher.list_topic_subscriptions(topic=topic))
    subscriber.delete_subscription(subscription=path)
    publisher.delete_topic(topic=topic)
    with pytest.raises(NotFound):
        publisher.get_topic(topic=topic)


def test_gcloud_aio_pubsub_works(broker, name, monkeypatch):
    aiohttp = pytest.importorskip("aiohttp", reason="gcloud-aio-pubsub is not installed")
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", broker.address)
    aio = pytest.importorskip("gcloud.aio.pubsub", reason="gcloud-aio-pubsub is not installed")

    async def story():
        async with aiohttp.ClientSession() as session:
            publisher = aio.PublisherClient(session=session, api_root=f"http://{broker.address}/v1")
            subscriber = aio.SubscriberClient(
                session=session, api_root=f"http://{broker.address}/v1"
            )
            topic, path = f"{PROJECT}/topics/{name}", f"{PROJECT}/subscriptions/{name}"
            await publisher.create_topic(topic)
            await subscriber.create_subscription(path, topic)
            await publisher.publish(topic, [aio.PubsubMessage(b"hello", a="b")])
            [received] = await subscriber.pull(path, 1)
            await subscriber.modify_ack_deadline(path, [received.ack_id], 20)
            await subscriber.acknowledge(path, [received.ack_id])
            await subscriber.delete_subscription(path)
            await publisher.delete_topic(topic)
            return received.data

    assert asyncio.run(story()) == b"hello"


def test_gcloud_works(broker, name, tmp_path):
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        pytest.skip("gcloud is not installed")
    (tmp_path / "token").write_text("none")
    environment = {
        **os.environ,
        "CLOUDSDK_CONFIG": str(tmp_path),
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB": f"http://{broker.address}/",
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(tmp_path / "token"),
        "CLOUDSDK_CORE_PROJECT": PROJECT.removeprefix("projects/"),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
    }

    def run(*command):
        done = subprocess.run(
            [gcloud, "pubsub", *command, "--format=json"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("topics", "create", name)
    run("subscriptions", "create", name, f"--topic={name}", "--ack-deadline=20")
    assert "messageIds" in run("topics", "publish", name, "--message=hello", "--attribute=k=v")
    assert base64.b64encode(b"hello").decode() in run("subscriptions", "pull", name, "--auto-ack")
    run("subscriptions", "update", name, "--ack-deadline=33")
    assert '"ackDeadlineSeconds": 33' in run("subscriptions", "describe", name)
    assert name in run("topics", "list-subscriptions", name)
    run("subscriptions", "delete", name)
    run("topics", "delete", name)


def test_a_topic_with_a_schema_takes_only_what_fits(call, name):
    definition = '{"type": "record", "name": "Order", "fields": [{"name": "n", "type": "int"}]}'
    schema, topic = f"{PROJECT}/schemas/{name}", f"{PROJECT}/topics/{name}"
    document = {"type": "AVRO", "definition": definition}
    status, made = call("POST", f"v1/{PROJECT}/schemas?schemaId={name}", document)
    assert (status, made["name"]) == (200, schema)
    assert call("GET", f"v1/{schema}")[1]["definition"] == definition
    settings = {"schemaSettings": {"schema": schema, "encoding": "JSON"}}
    assert call("PUT", f"v1/{topic}", settings)[0] == 200
    assert call("POST", f"v1/{topic}:publish", messages(b'{"n": 1}'))[0] == 200
    assert call("POST", f"v1/{topic}:publish", messages(b'{"n": "one"}'))[0] == 400
    assert call("DELETE", f"v1/{topic}") == (200, {})
    assert call("DELETE", f"v1/{schema}") == (200, {})


@pytest.mark.departure("has no policies", IAM)
def test_a_policy_is_kept(call, topic):
    policy = {"bindings": [{"role": "roles/pubsub.viewer", "members": ["allUsers"]}]}
    status, written = call("POST", f"v1/{topic}:setIamPolicy", {"policy": policy})
    assert (status, written["bindings"]) == (200, policy["bindings"])
    assert call("GET", f"v1/{topic}:getIamPolicy") == (200, written)


def test_a_pull_waits_for_a_message(call, topic, subscribe, publish):
    path = subscribe()
    timer = threading.Timer(0.5, publish, [b"late"])
    timer.start()
    _, pulled = call("POST", f"v1/{path}:pull", {"maxMessages": 1})
    timer.join()
    [received] = pulled["receivedMessages"]
    assert base64.b64decode(received["message"]["data"]) == b"late"
