import base64

import pytest

from quickthumb.errors import InvalidMessage
from quickthumb.messaging import delivered

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
