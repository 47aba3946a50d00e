"""The requests that a push endpoint gets, and the effect of its responses."""

import json
import threading
import time
from base64 import urlsafe_b64decode

import pytest
from google.protobuf.duration_pb2 import Duration

from emulator.ports import free_port
from tests.conformance.brokers import PROJECT
from tests.conformance.endpoint import listening

PUSH = "https://docs.cloud.google.com/pubsub/docs/push"
QUICK_RETRY = {
    "minimum_backoff": Duration(nanos=100_000_000),
    "maximum_backoff": Duration(nanos=200_000_000),
}


def push_to(endpoint, **config):
    return {"push_endpoint": endpoint.url, **config}


def test_a_push_has_the_documented_form(subscribe, publish, endpoint):
    subscription = subscribe(push_config=push_to(endpoint))
    [id] = publish(b"data", colour="red")
    [push] = endpoint.wait(1)
    assert push.headers["content-type"].startswith("application/json")
    message = push.envelope["message"]
    assert push.envelope["subscription"] == subscription
    assert message["data"] == "ZGF0YQ=="
    assert message["attributes"] == {"colour": "red"}
    assert message["messageId"] == message["message_id"] == id
    assert message["publishTime"] == message["publish_time"]
    assert message["publishTime"].endswith("Z")


def test_a_push_that_is_answered_well_is_not_repeated(subscribe, publish, endpoint):
    subscribe(push_config=push_to(endpoint), retry_policy=QUICK_RETRY)
    publish(b"a")
    endpoint.wait(1)
    publish(b"b")
    endpoint.wait(2)
    time.sleep(0.6)  # in which the first would have come again
    assert [push.data for push in endpoint.pushes] == [b"a", b"b"]


@pytest.mark.parametrize(
    "status",
    [
        200,
        201,
        pytest.param(202, marks=pytest.mark.departure("delivers again after a 202", PUSH)),
        204,
    ],
)
def test_these_answers_acknowledge(subscribe, publish, endpoint, status):
    endpoint.answer = lambda push: status
    subscribe(push_config=push_to(endpoint), retry_policy=QUICK_RETRY)
    publish(b"a")
    endpoint.wait(1)
    time.sleep(1.5)
    assert len(endpoint.pushes) == 1


@pytest.mark.parametrize("status", [302, 400, 404, 429, 500, 503])
def test_any_other_answer_has_it_delivered_again(subscribe, publish, endpoint, status):
    endpoint.answer = lambda push: status if len(endpoint.pushes) == 1 else 204
    subscribe(push_config=push_to(endpoint), retry_policy=QUICK_RETRY)
    publish(b"a")
    first, second = endpoint.wait(2)[:2]
    assert first.envelope["message"] == second.envelope["message"]


def test_an_endpoint_that_is_not_there_yet_gets_it_later(subscribe, publish):
    port = free_port()
    config = {"push_endpoint": f"http://127.0.0.1:{port}/push"}
    subscribe(push_config=config, retry_policy=QUICK_RETRY)
    publish(b"a")
    time.sleep(0.5)
    with listening(port) as endpoint:
        assert endpoint.wait(1)[0].data == b"a"


@pytest.mark.departure("sends no delivery attempt", f"{PUSH}#receive_push")
def test_deliveries_are_counted_where_there_is_a_dead_letter_policy(
    broker, subscribe, publish, endpoint, name
):
    dead = f"{PROJECT}/topics/{name}-dead"
    broker.publisher.create_topic(name=dead)
    endpoint.answer = lambda push: 500 if len(endpoint.pushes) < 3 else 204
    subscribe(
        push_config=push_to(endpoint),
        retry_policy=QUICK_RETRY,
        dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 5},
    )
    publish(b"a")
    attempts = [push.envelope.get("deliveryAttempt") for push in endpoint.wait(3)]
    broker.publisher.delete_topic(topic=dead)
    assert attempts == [1, 2, 3]


def test_a_push_that_always_fails_goes_to_the_dead_letter_topic(
    broker, subscribe, publish, endpoint, pull, name
):
    dead, graveyard = f"{PROJECT}/topics/{name}-dead", f"{PROJECT}/subscriptions/{name}-dead"
    broker.publisher.create_topic(name=dead)
    broker.subscriber.create_subscription(name=graveyard, topic=dead)
    endpoint.answer = lambda push: 500
    subscribe(
        push_config=push_to(endpoint),
        retry_policy=QUICK_RETRY,
        dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 5},
    )
    publish(b"poison")
    [buried] = pull(graveyard, seconds=30)
    assert buried.message.data == b"poison"
    assert len(endpoint.pushes) == 5
    broker.subscriber.delete_subscription(subscription=graveyard)
    broker.publisher.delete_topic(topic=dead)


@pytest.mark.departure("has two pushes in flight", f"{PUSH}#delivery-rate")
def test_many_pushes_are_in_flight_to_an_endpoint_that_answers(subscribe, publish, endpoint):
    gate = threading.Barrier(8)

    def together(push):
        if push.data.startswith(b"slow"):
            try:
                gate.wait(5)
            except threading.BrokenBarrierError:
                return 500
        return 204

    endpoint.answer = together
    subscribe(push_config=push_to(endpoint))
    publish(*[b"quick"] * 50)
    endpoint.wait(50)
    publish(*[b"slow"] * 8)
    endpoint.wait(58)
    assert endpoint.most_at_once >= 8
    assert not gate.broken


@pytest.mark.departure("ignores filters", "https://docs.cloud.google.com/pubsub/docs/filtering")
def test_a_filter_holds_for_pushes(subscribe, publish, endpoint):
    subscribe(push_config=push_to(endpoint), filter='attributes.kind = "cat"')
    publish(b"dog", kind="dog")
    publish(b"cat", kind="cat")
    endpoint.wait(1)
    time.sleep(0.3)
    assert [push.data for push in endpoint.pushes] == [b"cat"]


def test_pushes_of_an_ordering_key_keep_their_order_over_failures(subscribe, publish, endpoint):
    failed = set()

    def fail_each_third_once(push):
        number = int(push.data)
        if number % 3 == 0 and number not in failed:
            failed.add(number)
            return 500
        done.append(number)
        return 204

    done: list[int] = []
    endpoint.answer = fail_each_third_once
    subscribe(push_config=push_to(endpoint), enable_message_ordering=True, retry_policy=QUICK_RETRY)
    for number in range(9):
        publish(b"%d" % number, ordering_key="cats")
    endpoint.wait(12)
    assert list(dict.fromkeys(done)) == list(range(9))


UNWRAPPED = "https://docs.cloud.google.com/pubsub/docs/payload-unwrapping"


def test_an_unwrapped_push_is_the_data_alone(subscribe, publish, endpoint):
    subscribe(push_config=push_to(endpoint, no_wrapper={}))
    publish(b'{"json": true}')
    [push] = endpoint.wait(1)
    assert push.body == b'{"json": true}'


def test_an_unwrapped_push_has_its_metadata_in_headers(subscribe, publish, endpoint):
    subscription = subscribe(push_config=push_to(endpoint, no_wrapper={"write_metadata": True}))
    [id] = publish(b"data", colour="red")
    [push] = endpoint.wait(1)
    assert push.body == b"data"
    assert push.headers["x-goog-pubsub-message-id"] == id
    assert push.headers["x-goog-pubsub-subscription-name"] == subscription
    assert push.headers["colour"] == "red"


@pytest.mark.departure(
    "sends no token",
    "https://docs.cloud.google.com/pubsub/docs/authenticate-push-subscriptions",
)
def test_a_push_carries_a_token_for_its_audience(subscribe, publish, endpoint):
    token = {"service_account_email": "push@conformance.iam.gserviceaccount.com"}
    subscribe(push_config=push_to(endpoint, oidc_token=token))
    publish(b"a")
    [push] = endpoint.wait(1)
    scheme, _, jwt = push.headers["authorization"].partition(" ")
    claims = json.loads(urlsafe_b64decode(jwt.split(".")[1] + "=="))
    assert scheme == "Bearer"
    assert claims["email"] == token["service_account_email"]
    assert claims["email_verified"] is True
    assert claims["aud"] == endpoint.url
    assert claims["exp"] > time.time()
