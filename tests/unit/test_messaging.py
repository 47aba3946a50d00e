import base64

import grpc
import pytest
from google.auth.credentials import AnonymousCredentials
from google.pubsub_v1.services.publisher.transports import grpc as library

from quickthumb import messaging
from quickthumb.messaging import delivered
from quickthumb.problems import InvalidMessage

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

    def create_channel(host, **arguments):
        given.update(arguments)
        return grpc.insecure_channel(host)

    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    monkeypatch.setattr(library.grpc_helpers, "create_channel", create_channel)
    messaging.Transport(host="pubsub.googleapis.com", credentials=AnonymousCredentials())
    assert OFTEN in given["options"]
    assert ("grpc.max_receive_message_length", -1) in given["options"]
