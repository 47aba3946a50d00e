import pytest

from emulator.pubsub import protos
from emulator.pubsub.doors.paging import MAXIMUM_SIZE, paged
from emulator.pubsub.rules import names
from emulator.pubsub.rules.errors import InvalidArgument, Unimplemented
from emulator.pubsub.rules.policies import DeadLetterPolicy, PushTarget, RetryPolicy
from emulator.pubsub.rules.resources import (
    check_labels,
    check_receiver,
    complete_subscription,
    complete_topic,
)

TOPIC = "projects/p/topics/things"


def subscription(**fields):
    return protos.Subscription(**{"name": "projects/p/subscriptions/all", "topic": TOPIC, **fields})


def test_a_subscription_gets_the_defaults_of_production():
    described = subscription()
    policy = complete_subscription(described)
    assert (policy.ack_deadline, policy.retention) == (10.0, 7 * 86_400)
    assert (policy.retry, policy.dead_letter, policy.push, policy.matches) == (None,) * 4
    assert described.ack_deadline_seconds == 10
    assert described.message_retention_duration.seconds == 7 * 86_400
    assert described.expiration_policy.ttl.seconds == 31 * 86_400
    assert described.state == 1


def test_policies_get_their_defaults():
    policy = complete_subscription(
        subscription(retry_policy={}, dead_letter_policy={"dead_letter_topic": TOPIC})
    )
    assert policy.retry == RetryPolicy(10.0, 600.0)
    assert policy.dead_letter == DeadLetterPolicy(TOPIC, 5)


def test_a_subscription_that_never_expires_stays_so():
    described = subscription(expiration_policy={})
    complete_subscription(described)
    assert not described.expiration_policy.HasField("ttl")


def test_a_push_config_is_read():
    policy = complete_subscription(
        subscription(
            push_config={
                "push_endpoint": "https://me/push",
                "no_wrapper": {"write_metadata": True},
                "oidc_token": {"service_account_email": "a@b.c"},
            }
        )
    )
    assert policy.push == PushTarget(
        "https://me/push", False, True, "a@b.c", audience="https://me/push"
    )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"ack_deadline_seconds": 9}, r"ack_deadline=9.*between 10 and 600 seconds"),
        ({"ack_deadline_seconds": 601}, r"ack_deadline=601"),
        ({"message_retention_duration": {"seconds": 599}}, "between 600 and 2678400 seconds"),
        ({"expiration_policy": {"ttl": {"seconds": 60}}}, "must be at least a day"),
        ({"retry_policy": {"minimum_backoff": {"seconds": 601}}}, "between 0 and 600 seconds"),
        (
            {
                "retry_policy": {
                    "minimum_backoff": {"seconds": 9},
                    "maximum_backoff": {"seconds": 8},
                }
            },
            r"minimum_backoff \(9 s\) is larger than maximum_backoff \(8 s\)",
        ),
        ({"dead_letter_policy": {"dead_letter_topic": "x"}}, r"name=x"),
        (
            {"dead_letter_policy": {"dead_letter_topic": TOPIC, "max_delivery_attempts": 4}},
            "You passed 4 in the request, but the minimum value is 5",
        ),
        ({"push_config": {"push_endpoint": "ftp://x"}}, "endpoint=ftp://x"),
        (
            {"push_config": {"push_endpoint": "http://x", "oidc_token": {"audience": "y"}}},
            "oidc_token::service_account_email",
        ),
        ({"filter": "nonsense"}, "Invalid filter 'nonsense'"),
    ],
)
def test_a_value_out_of_its_limits_is_refused(fields, reason):
    with pytest.raises(InvalidArgument, match=reason):
        complete_subscription(subscription(**fields))


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://",
        "http:///push",
        "http://host:99999/push",
        "http://host:x/push",
        "http://host/a b",
        "http://host/a\n",
        "http://host/\u00e4",
        "http://" + "a" * 64 + ".example/",
    ],
)
def test_an_endpoint_that_no_request_can_reach_is_refused(endpoint):
    with pytest.raises(InvalidArgument, match="Invalid push endpoint given"):
        complete_subscription(subscription(push_config={"push_endpoint": endpoint}))


def test_what_only_google_cloud_does_is_refused_plainly():
    with pytest.raises(Unimplemented, match="bigquery_config"):
        complete_subscription(subscription(bigquery_config={"table": "a.b.c"}))
    with pytest.raises(Unimplemented, match="message_transforms"):
        complete_topic(protos.Topic(name=TOPIC, message_transforms=[{}]))


@pytest.mark.parametrize(
    "fields",
    [
        {"push_config": {"push_endpoint": "http://127.0.0.1/push"}},
        {"enable_exactly_once_delivery": True},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_cloud_storage_subscription_is_neither_pushed_nor_exactly_once(fields):
    policy = complete_subscription(
        subscription(cloud_storage_config={"bucket": "archive"}, **fields)
    )
    with pytest.raises(InvalidArgument, match=next(iter(fields))):
        check_receiver(policy)


def test_a_topic_retains_messages_for_ten_minutes_to_a_month():
    topic = protos.Topic(name=TOPIC, message_retention_duration={"seconds": 600})
    assert complete_topic(topic) == 600.0
    topic.message_retention_duration.seconds = 599
    with pytest.raises(InvalidArgument, match="message_retention_duration: 599 s"):
        complete_topic(topic)


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"colour": "", "a-1_b": "9-_"},
        {"k" * 63: "v" * 63},
        {"größe": "größer", "色": "赤"},
        {f"l{number}": "x" for number in range(64)},
    ],
)
def test_good_labels_are_accepted(labels):
    check_labels(labels)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ({f"l{number}": "x" for number in range(65)}, "there are 65, but at most 64"),
        ({"": "x"}, r"\(key=, value=x\)"),
        ({"k" * 64: "x"}, "at most 63 characters"),
        ({"k": "v" * 64}, "at most 63 characters"),
        ({"Colour": "red"}, "key=Colour"),
        ({"colour": "Red"}, "value=Red"),
        ({"1st": "x"}, "A key starts with a letter"),
        ({"_a": "x"}, "A key starts with a letter"),
        ({"a.b": "x"}, "lowercase letters, digits, _ and -"),
        ({"a": "x y"}, "value=x y"),
    ],
)
def test_bad_labels_are_refused(labels, reason):
    with pytest.raises(InvalidArgument, match=reason):
        check_labels(labels)


@pytest.mark.parametrize("short", ["abc", "a" * 255, "A-_.~+%9", "Goog"])
def test_a_good_name_is_accepted(short):
    assert names.check("topics", f"projects/p/topics/{short}").endswith(short)


@pytest.mark.parametrize("short", ["", "ab", "a" * 256, "1abc", "a b c", "googabc", "a/bcd", "äbc"])
def test_a_bad_name_is_refused(short):
    with pytest.raises(InvalidArgument, match=r"Invalid \[topics\] name"):
        names.check("topics", f"projects/p/topics/{short}")


@pytest.mark.parametrize(
    "name", ["", "things", "projects/p/subscriptions/all", "projects//topics/a"]
)
def test_a_name_of_another_form_is_refused(name):
    with pytest.raises(InvalidArgument, match="Invalid resource name given"):
        names.check("topics", name)


def page(entries, size, token):
    method = "ListTopicSubscriptions"
    request = protos.ListTopicSubscriptionsRequest(page_size=size, page_token=token)
    response = paged({method: lambda _: entries})[method](request)
    return list(response.subscriptions), response.next_page_token


def test_pages_make_up_the_whole_list():
    entries = [f"{number:03}" for number in range(7)]
    seen, token = [], ""
    for _ in range(3):
        entries_of_page, token = page(entries, 3, token)
        seen += entries_of_page
    assert (seen, token) == (entries, "")


def test_a_page_has_its_limits():
    many = [f"{number:05}" for number in range(MAXIMUM_SIZE + 1)]
    assert len(page(many, MAXIMUM_SIZE * 2, "")[0]) == MAXIMUM_SIZE
    with pytest.raises(InvalidArgument, match="page_size"):
        page(many, -1, "")
