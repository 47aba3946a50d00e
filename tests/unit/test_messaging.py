import base64
import time
from concurrent.futures import ThreadPoolExecutor

import google.auth
import grpc
import pytest
from google.auth.credentials import AnonymousCredentials
from google.auth.transport import grpc as library
from google.pubsub_v1.types import PublishRequest, PublishResponse

from emulator.ports import free_port
from quickthumb import messaging
from quickthumb.messaging import CloudTopic, delivered
from quickthumb.problems import InvalidMessage, NotPublished

DATA = base64.b64encode(b"job").decode()


def test_a_push_request_of_production_is_read():
    message = delivered(
        {
            "message": {
                "attributes": {"schema": "1"},
                "data": DATA,
                "messageId": "2070443601311540",
                "message_id": "2070443601311540",
                "publishTime": "2021-02-26T19:13:55.749Z",
                "publish_time": "2021-02-26T19:13:55.749Z",
            },
            "subscription": "projects/p/subscriptions/resize",
            "deliveryAttempt": 3,
        }
    )
    assert message.data == b"job"
    assert message.attributes == {"schema": "1"}
    assert message.id == "2070443601311540"
    assert message.attempt == 3


def test_a_message_of_attributes_alone_has_no_data():
    assert delivered({"message": {"attributes": {"a": "b"}, "messageId": "1"}}).data == b""


def test_without_a_dead_letter_policy_there_is_no_attempt():
    assert delivered({"message": {"data": DATA, "messageId": "1"}}).attempt is None


@pytest.mark.parametrize(
    "envelope",
    [
        None,
        "text",
        [],
        {},
        {"message": None},
        {"message": []},
        {"message": {"data": "not base64!"}},
        {"message": {"data": 5}},
        {"message": {"data": DATA, "attributes": 5}},
        {"message": {"data": DATA}, "deliveryAttempt": "many"},
    ],
)
def test_any_other_body_is_refused(envelope):
    with pytest.raises(InvalidMessage):
        delivered(envelope)


OFTEN = ("grpc.max_reconnect_backoff_ms", 2_000)


def test_the_client_reconnects_to_an_emulator_quickly(monkeypatch):
    given = []
    channel = grpc.insecure_channel

    def insecure_channel(target, options=None):
        given.append((target, options))
        return channel(target, options)

    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    monkeypatch.setattr(grpc, "insecure_channel", insecure_channel)
    messaging.connect()
    assert given[-1] == ("127.0.0.1:1", (OFTEN,))


def test_production_reconnects_as_quickly(monkeypatch):
    given = {}

    def secure_channel(credentials, request, target, **arguments):
        given.update(arguments, credentials=credentials, target=target)

    identity = AnonymousCredentials()
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    monkeypatch.setattr(google.auth, "default", lambda scopes: (identity, "p"))
    monkeypatch.setattr(library, "secure_authorized_channel", secure_channel)
    messaging.connect()
    assert OFTEN in given["options"]
    assert given["credentials"] is identity
    assert given["target"] == "pubsub.googleapis.com:443"


@pytest.mark.parametrize("data", [b"", b"job", b"x" * 127, b"x" * 128, bytes(range(256)) * 300])
def test_a_message_is_written_as_the_client_library_reads_it(server, data):
    attributes = {"schema": "1", "name": "Kätzchen", "empty": "", "long": "y" * 1000}
    topic(server).publish(data, **attributes)
    [request] = server.requests
    assert request.topic == PATH
    [message] = request.messages
    assert message.data == data
    assert dict(message.attributes) == attributes
    assert ("x-goog-request-params", "topic=projects/p/topics/uploads") in server.metadata


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "INTERNAL", "ABORTED"])
def test_a_call_that_fails_for_the_moment_is_repeated(server, code):
    server.failures = [grpc.StatusCode[code]] * 2
    topic(server).publish(b"job")
    assert len(server.requests) == 3


@pytest.mark.parametrize("code", ["NOT_FOUND", "PERMISSION_DENIED", "INVALID_ARGUMENT"])
def test_a_call_that_is_refused_is_not_repeated(server, code):
    server.failures = [grpc.StatusCode[code]]
    with pytest.raises(NotPublished, match=f"topics/uploads: {code} as told"):
        topic(server).publish(b"job")
    assert len(server.requests) == 1


def test_a_call_is_repeated_for_a_limited_time(server):
    server.failures = [grpc.StatusCode.UNAVAILABLE] * 1000
    started = time.monotonic()
    with pytest.raises(NotPublished, match="UNAVAILABLE"):
        topic(server, seconds=0.5).publish(b"job")
    assert time.monotonic() - started < 5


def test_nobody_answers(monkeypatch):
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{free_port()}")
    with pytest.raises(NotPublished, match="UNAVAILABLE"):
        CloudTopic(messaging.connect(), PATH, 0.3).publish(b"job")


PATH = "projects/p/topics/uploads"


def topic(server, seconds=5):
    return CloudTopic(grpc.insecure_channel(server.address), PATH, seconds)


@pytest.fixture
def server():
    """Give a Pub/Sub that parses requests with the client library's types, and fails as told."""

    class Server:
        requests, metadata, failures = [], (), []

        def publish(self, request, context):
            self.requests = [*self.requests, request]
            self.metadata = [(item.key, item.value) for item in context.invocation_metadata()]
            if self.failures:
                context.abort(self.failures.pop(0), "as told")
            return PublishResponse(message_ids=["1"])

    server = Server()
    handler = grpc.unary_unary_rpc_method_handler(
        server.publish,
        request_deserializer=PublishRequest.deserialize,
        response_serializer=PublishResponse.serialize,
    )
    served = grpc.server(ThreadPoolExecutor(2))
    served.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("google.pubsub.v1.Publisher", {"Publish": handler})]
    )
    server.address = f"127.0.0.1:{served.add_insecure_port('127.0.0.1:0')}"
    served.start()
    yield server
    served.stop(None)
