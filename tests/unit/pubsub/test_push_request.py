import pytest

from emulator.pubsub import protos
from emulator.pubsub.doors.push_request import push_request
from emulator.pubsub.rules import wire
from emulator.pubsub.rules.messages import Delivery
from emulator.pubsub.rules.policies import DeadLetterPolicy, PushTarget
from tests.unit.pubsub.sandbox import Sandbox

ENDPOINT = "http://127.0.0.1:1/"
TIME = 1614366835.749
ID = 2070443601311540


def request(message, *, attempts=1, dead_letter=None, **target):
    subscription = Sandbox().subscribe(
        "mysubscription", push=PushTarget(ENDPOINT, **target), dead_letter=dead_letter
    )
    (stamped,) = wire.stamp([protos.PubsubMessage(**message)], [ID], TIME)
    headers, body = push_request(subscription, Delivery(stamped, attempts))
    return dict(headers), body


def test_the_smallest_body_is_as_documented():
    headers, body = request({"data": b"Hello Cloud Pub/Sub! Here is my message!"})
    assert headers == {"Content-Type": "application/json"}
    assert body == (
        b'{"message":{"data":"SGVsbG8gQ2xvdWQgUHViL1N1YiEgSGVyZSBpcyBteSBtZXNzYWdlIQ==",'
        b'"messageId":"2070443601311540","message_id":"2070443601311540",'
        b'"publishTime":"2021-02-26T19:13:55.749Z","publish_time":"2021-02-26T19:13:55.749Z"},'
        b'"subscription":"projects/p/subscriptions/mysubscription"}'
    )


def test_the_largest_body_is_as_documented():
    _, body = request(
        {"data": b"x", "attributes": {"key": "value", "a": "é"}, "ordering_key": "key"},
        attempts=5,
        dead_letter=DeadLetterPolicy("projects/p/topics/grave", 5),
    )
    assert body.decode() == (
        '{"deliveryAttempt":5,"message":{"attributes":{"a":"é","key":"value"},"data":"eA==",'
        '"messageId":"2070443601311540","message_id":"2070443601311540","orderingKey":"key",'
        '"publishTime":"2021-02-26T19:13:55.749Z","publish_time":"2021-02-26T19:13:55.749Z"},'
        '"subscription":"projects/p/subscriptions/mysubscription"}'
    )


def test_an_unwrapped_message_is_its_data():
    headers, body = request({"data": b"\0raw", "attributes": {"a": "b"}}, wrapped=False)
    assert headers == {"Content-Type": "application/octet-stream"}
    assert body == b"\0raw"


def test_an_unwrapped_message_with_metadata_has_headers():
    headers, body = request(
        {"data": b"{}", "attributes": {"a": "b"}, "ordering_key": "k"},
        wrapped=False,
        write_metadata=True,
    )
    assert headers == {
        "x-goog-pubsub-subscription-name": "projects/p/subscriptions/mysubscription",
        "x-goog-pubsub-message-id": "2070443601311540",
        "x-goog-pubsub-publish-time": "2021-02-26T19:13:55.749Z",
        "x-goog-pubsub-ordering-key": "k",
        "a": "b",
        "Content-Type": "application/octet-stream",
    }
    assert body == b"{}"


def test_an_attribute_may_tell_the_content_type():
    headers, _ = request(
        {"data": b"{}", "attributes": {"content-type": "application/json"}},
        wrapped=False,
        write_metadata=True,
    )
    assert headers["content-type"] == "application/json"
    assert "Content-Type" not in headers


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("with space", "x"),
        ("", "x"),
        ("a", "two\r\nlines"),
        ("a", "ünicode"),
        ("Host", "elsewhere"),
        ("content-length", "1"),
    ],
)
def test_an_attribute_that_cannot_be_a_header_is_left_out(key, value):
    headers, _ = request(
        {"data": b"x", "attributes": {key: value}}, wrapped=False, write_metadata=True
    )
    assert key not in headers
