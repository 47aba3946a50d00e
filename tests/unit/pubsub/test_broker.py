"""The broker in the process of whoever uses it."""

import asyncio
import http.client
import os
import socket
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.api_core.exceptions import GoogleAPICallError, ServiceUnavailable
from google.cloud.pubsub_v1 import PublisherClient, SchemaServiceClient, SubscriberClient
from google.pubsub_v1.types import Schema

from emulator.pubsub import Broker, __version__, protos
from emulator.pubsub.command import main
from emulator.pubsub.errors import DataInUse, DataUnusable, PortTaken, TopologyInvalid
from emulator.pubsub.topology import read_document

pytest_plugins = ["emulator.pubsub.pytest_plugin"]

BEFORE = os.environ.get("PUBSUB_EMULATOR_HOST")
TOPIC = "projects/p/topics/things"
SUBSCRIPTION = "projects/p/subscriptions/all"


def clients(broker):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in broker.environment.items():
            patch.setenv(name, value)
        publisher, subscriber = PublisherClient(), SubscriberClient()
    return publisher, subscriber


def make(broker):
    publisher, subscriber = clients(broker)
    publisher.create_topic(name=TOPIC)
    subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)


def publish(broker, data):
    publisher, _ = clients(broker)
    publisher.publish(TOPIC, data).result(20)


def take(broker):
    _, subscriber = clients(broker)
    answer = subscriber.pull(subscription=SUBSCRIPTION, max_messages=10, timeout=20)
    ids = [received.ack_id for received in answer.received_messages]
    subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=ids)
    return [received.message.data for received in answer.received_messages]


def story(broker):
    make(broker)
    publish(broker, b"hello")
    return take(broker)


def test_it_runs_on_the_loop_of_a_program():
    async def run():
        async with Broker() as broker:
            return await asyncio.to_thread(story, broker)

    assert asyncio.run(run()) == [b"hello"]


def test_it_runs_beside_a_program_that_has_no_loop():
    with Broker() as broker:
        assert story(broker) == [b"hello"]


def test_a_client_that_waits_is_told_to_retry_when_the_broker_stops(caplog):
    with ThreadPoolExecutor() as pool:
        with Broker() as broker:
            make(broker)
            _, subscriber = clients(broker)
            pull = pool.submit(
                subscriber.pull,
                subscription=SUBSCRIPTION,
                max_messages=1,
                retry=None,
                timeout=20,
            )
            time.sleep(0.5)
            assert not pull.done()
        with pytest.raises(ServiceUnavailable, match="The broker is stopping"):
            pull.result()
    assert caplog.text == ""


def test_its_environment_says_where_it_is():
    with Broker() as broker:
        host, _, port = broker.address.partition(":")
        assert broker.environment == {"PUBSUB_EMULATOR_HOST": broker.address}
        assert host == "127.0.0.1"
        socket.create_connection((host, int(port)), timeout=10).close()
        with urllib.request.urlopen(broker.jwks_url, timeout=10) as answer:
            assert b'"kty": "RSA"' in answer.read()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_grpc_has_a_port_of_its_own_if_it_is_told_to(host):
    with Broker(host=host, grpc_port=0) as broker:
        make(broker)
        assert broker.grpc_address != broker.address
        assert broker.grpc_address.rpartition(":")[0] == broker.address.rpartition(":")[0]
        with grpc.insecure_channel(broker.grpc_address) as channel:
            get = channel.unary_unary(
                "/google.pubsub.v1.Publisher/GetTopic",
                request_serializer=protos.GetTopicRequest.SerializeToString,
                response_deserializer=protos.Topic.FromString,
            )
            assert get(protos.GetTopicRequest(topic=TOPIC), timeout=20).name == TOPIC
        url = f"http://{broker.grpc_address}/v1/{TOPIC}"
        with pytest.raises((http.client.HTTPException, OSError)):
            urllib.request.urlopen(url, timeout=20)


def test_grpc_shares_the_port_otherwise():
    with Broker() as broker:
        assert broker.grpc_address == broker.address


def test_nothing_is_left_when_it_ends():
    threads = set(threading.enumerate())
    with Broker() as broker:
        host, _, port = broker.address.partition(":")
    assert not set(threading.enumerate()) - threads
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=10)


def test_it_ends_while_a_client_waits_for_messages():
    def wait():
        request = {"subscription": SUBSCRIPTION, "max_messages": 1}
        subscriber.pull(request, retry=None, timeout=60)

    with ThreadPoolExecutor() as threads:
        with Broker() as broker:
            make(broker)
            _, subscriber = clients(broker)
            waiting = threads.submit(wait)
            time.sleep(0.2)
            assert not waiting.done()
            began = time.monotonic()
        assert time.monotonic() - began < 10
        with pytest.raises(GoogleAPICallError):
            waiting.result(20)


def test_several_run_at_once_and_share_nothing():
    with Broker() as first, Broker() as second:
        make(first)
        make(second)
        publish(first, b"one")
        publish(second, b"two")
        assert (take(first), take(second)) == ([b"one"], [b"two"])


def test_a_data_folder_keeps_messages_from_one_to_the_next(tmp_path):
    with Broker(data=tmp_path / "kept") as broker:
        make(broker)
        publish(broker, b"hello")
    with Broker(data=str(tmp_path / "kept")) as broker:
        assert take(broker) == [b"hello"]


def test_what_a_topology_names_is_there_from_the_start_and_keeps_messages(tmp_path):
    file = tmp_path / "app.yaml"
    file.write_text("projects: {p: {topics: {things: {subscriptions: {all: }}}}}")
    with Broker(data=tmp_path / "kept", topology=file) as broker:
        publish(broker, b"hello")
    with Broker(data=tmp_path / "kept", topology=file) as broker:
        assert take(broker) == [b"hello"]


def test_a_topology_that_is_refused_leaves_nothing_running(tmp_path):
    threads = set(threading.enumerate())
    refused = read_document({"projects": {"p": {"topics": {"go": None}}}}, "mine")
    with (
        pytest.raises(TopologyInvalid, match=r"mine: projects\.p\.topics\.go: Invalid"),
        Broker(data=tmp_path, topology=refused),
    ):
        pytest.fail("it runs")
    assert not set(threading.enumerate()) - threads
    with Broker(data=tmp_path):
        pass


def test_it_can_be_run_again(tmp_path):
    broker = Broker(data=tmp_path)
    with broker:
        make(broker)
        publish(broker, b"hello")
    with broker:
        assert take(broker) == [b"hello"]


@pytest.mark.parametrize("option", ["port", "grpc_port", "jwks_port"])
def test_a_taken_port_is_told_and_leaves_nothing_running(option, tmp_path):
    threads = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(PortTaken, match=f"cannot listen on 127.0.0.1:{port}"),
            Broker(data=tmp_path, **{option: port}),
        ):
            pytest.fail("it runs")
    assert not set(threading.enumerate()) - threads
    with Broker(data=tmp_path):
        pass


def test_a_data_folder_in_use_or_unusable_is_told(tmp_path):
    with (
        Broker(data=tmp_path),
        pytest.raises(DataInUse, match=str(tmp_path)),
        Broker(data=tmp_path),
    ):
        pytest.fail("it runs")
    (tmp_path / "file").touch()
    with pytest.raises(DataUnusable, match="file"), Broker(data=tmp_path / "file"):
        pytest.fail("it runs")


def test_what_goes_wrong_in_its_context_is_not_swallowed():
    async def run():
        async with Broker():
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        asyncio.run(run())
    with pytest.raises(KeyError, match="mine"), Broker():
        raise KeyError("mine")


@pytest.fixture(scope="module")
def projects():
    """The projects that tests had."""
    return set()


@pytest.mark.parametrize("time", ["first", "second"])
def test_the_fixture_gives_each_test_a_project_of_its_own(pubsub, projects, time):
    assert os.environ["PUBSUB_EMULATOR_HOST"] == pubsub.address
    assert os.environ["GOOGLE_CLOUD_PROJECT"] == pubsub.project
    assert pubsub.project not in projects
    publisher = PublisherClient()
    for earlier in projects:
        assert not list(publisher.list_topics(project=f"projects/{earlier}"))
    publisher.create_topic(name=pubsub.topic_path("things"))
    SubscriberClient().create_subscription(
        name=pubsub.subscription_path("all"), topic=pubsub.topic_path("things")
    )
    projects.add(pubsub.project)


def test_a_project_can_be_removed_and_others_stay():
    others = "projects/other/topics/things"
    with Broker() as broker:
        make(broker)
        publisher, subscriber = clients(broker)
        publisher.create_topic(name=others)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PUBSUB_EMULATOR_HOST", broker.address)
            schemas = SchemaServiceClient()
        text = Schema(type_="AVRO", definition='{"type": "string"}')
        schemas.create_schema(parent="projects/p", schema_id="text", schema=text)
        subscriber.create_snapshot(name="projects/p/snapshots/before", subscription=SUBSCRIPTION)
        broker.remove_project("p").result(20)
        assert not list(publisher.list_topics(project="projects/p"))
        assert not list(subscriber.list_subscriptions(project="projects/p"))
        assert not list(subscriber.list_snapshots(project="projects/p"))
        assert not list(schemas.list_schemas(parent="projects/p"))
        assert publisher.get_topic(topic=others).name == others
        make(broker)


def test_without_the_fixture_the_environment_is_as_it_was():
    assert os.environ.get("PUBSUB_EMULATOR_HOST") == BEFORE


def test_it_has_a_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"pubsub-emulator {__version__}\n"
