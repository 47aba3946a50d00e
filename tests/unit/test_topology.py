import copy

import pytest
import yaml

from emulator.cloud import Cloud
from emulator.console import Console
from emulator.errors import InvalidTopology
from emulator.parts.functions import environment, function_part
from emulator.parts.tokens import PushToken
from emulator.ports import HOST, free_port
from emulator.running import Addresses
from emulator.source import Source
from emulator.topology import Function, Notification, Reference, Subscription
from emulator.topology_file import TOPOLOGY, read_topology

DOCUMENT = yaml.safe_load(TOPOLOGY.read_text())


def load(document, tmp_path):
    file = tmp_path / "topology.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return read_topology(file)


def changed(path, value):
    """Return the topology with one place changed, or taken out where `value` is None."""
    document = copy.deepcopy(DOCUMENT)
    *parents, last = path.split(".")
    place = document
    for parent in parents:
        place = place[parent]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return document


def test_the_topology_of_the_project_is_valid():
    topology = read_topology()
    assert topology.functions["resize"].memory == 2**30
    assert topology.subscriptions["resize"].push_to == "resize"


def test_no_job_is_delivered_again_while_its_function_may_still_run():
    topology = read_topology()
    for subscription in topology.subscriptions.values():
        timeout = topology.functions[subscription.push_to].timeout_seconds
        assert subscription.ack_deadline_seconds > timeout


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("functions", None, "functions is missing"),
        ("functions.upload.memory", 512, "expected a size like 512Mi"),
        ("functions.upload.cpu", "one", "functions.upload.cpu: Expected `int`, got `str`"),
        ("functions.upload.trigger", "ftp", "expected http, pubsub, schedule"),
        (
            "functions.upload.colour",
            "red",
            "functions.upload: Object contains unknown field `colour`: expected entry_point, ",
        ),
        (
            "functions.upload.environment",
            {"A": 5},
            "functions.upload.environment.A: 5: expected a text in quotes, {bucket: name} or",
        ),
        ("functions.upload.environment", {"A": {"topic": "x"}}, "there is no topic 'x'"),
        ("subscriptions.resize.topic", "x", "there is no topic 'x': expected uploads"),
        ("buckets.processed.notify", {"topic": "x", "prefix": ""}, "there is no topic 'x'"),
        (
            "buckets.processed.notify",
            {"prefix": "a/"},
            "processed.notify: Object missing required field `topic`",
        ),
        ("schedules.a", {"function": "x", "cron": "5 * * * *"}, "there is no function 'x'"),
        ("schedules.a", {"function": "upload", "cron": "5 * * * *"}, "upload.trigger: schedule"),
        ("schedules.a", {"function": "upload", "cron": "every day"}, "expected minute, hour"),
        ("schedules.a", {"function": "upload", "cron": "61 * * * *"}, "schedules.a.cron: '61"),
        ("schedules.a", {"function": "upload", "cron": "* * L * *"}, "not five fields"),
        ("functions.resize.trigger", "http", "expected functions.resize.trigger: pubsub"),
        ("subscriptions.resize.push_to", "x", "there is no function 'x': expected upload"),
        ("subscriptions.resize.dead_letter.topic", "x", "there is no topic 'x'"),
        (
            "subscriptions.resize.ack_deadline_seconds",
            5,
            "subscriptions.resize.ack_deadline_seconds: Expected `int` >= 10",
        ),
        (
            "subscriptions.resize.minimum_backoff_seconds",
            601,
            "subscriptions.resize.minimum_backoff_seconds: Expected `int` <= 600",
        ),
        (
            "subscriptions.resize.maximum_backoff_seconds",
            5,
            "subscriptions.resize: minimum_backoff_seconds is 10: expected at most "
            "maximum_backoff_seconds, 5",
        ),
        ("subscriptions.resize.topic", None, "missing required field `topic`"),
        ("colour", "red", "unknown: colour: expected runtime, project, environment, functions"),
        ("topics", None, "there is no topic 'uploads': expected a topic that the file names"),
        ("topics", 5, "topics: 5: expected names"),
        ("topics.uploads", {"days": 5}, "topics.uploads: Object contains unknown field `days`"),
        ("topics.up", {}, "topics: 'up': expected 3 to 255 letters"),
        ("topics.google", {}, "topics: 'google': expected 3 to 255 letters"),
        ("functions.on_upload", {"trigger": "http"}, "'on_upload': expected lower-case letters"),
        ("buckets.A", {}, "buckets: 'A': expected lower-case letters"),
        ("buckets." + "a" * 60, {}, "has 71 characters: expected at most 63 with the project"),
        ("project", "My", "project: 'My': expected 6 to 30 lower-case letters"),
        ("environment.A", 5, "functions.upload.environment.A: 5"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path, path, value, message):
    with pytest.raises(InvalidTopology) as raised:
        load(changed(path, value), tmp_path)
    assert message in str(raised.value)
    assert "topology.yaml" in str(raised.value)


@pytest.mark.parametrize("text", [b"", b"[]", b"a: [", b"functions: 5", b"\xff: 1", b"5: 6"])
def test_an_invalid_topology_is_reported(tmp_path, text):
    file = tmp_path / "topology.yaml"
    file.write_bytes(text)
    with pytest.raises(InvalidTopology, match=r"topology\.yaml"):
        read_topology(file)


def test_what_a_file_leaves_out_is_as_in_the_cloud_by_default(tmp_path):
    file = tmp_path / "topology.yaml"
    file.write_text(
        "functions:\n"
        "  on-upload: {trigger: pubsub}\n"
        "buckets: {inbox: {notify: {topic: new-blobs}}, other: }\n"
        "topics: {new-blobs: }\n"
        "subscriptions: {on-upload: {topic: new-blobs, push_to: on-upload}}\n"
        "schedules:\n"
    )
    topology = read_topology(file)
    assert topology.functions["on-upload"] == Function(
        "on_upload", "pubsub", 512 * 2**20, 1, 80, 300, 0, 100, {}
    )
    assert topology.buckets["inbox"].notify == Notification("new-blobs", "")
    assert topology.subscriptions["on-upload"] == Subscription(
        "new-blobs", "on-upload", 600, 10, 600, None
    )
    assert (topology.project, dict(topology.schedules)) == ("quickthumb", {})


def test_names_begin_with_the_project_of_the_file(tmp_path):
    document = changed("project", "guest-book")
    function = load(document, tmp_path).functions["upload"]
    names = environment(function, Addresses({}, "", "", "", project="guest-book"))
    assert names["GOOGLE_CLOUD_PROJECT"] == "guest-book"
    assert names["QUICKTHUMB_ORIGINALS_BUCKET"] == "guest-book-originals"
    assert names["QUICKTHUMB_UPLOADS_TOPIC"] == "projects/guest-book/topics/uploads"


def test_a_function_is_told_the_full_names_of_what_it_uses():
    function = read_topology().functions["upload"]
    assert function.environment["QUICKTHUMB_UPLOADS_TOPIC"] == Reference(topic="uploads")
    variables = environment(
        function,
        Addresses({}, "http://storage", "pubsub:1", "grpc:1", "http://keys/certs"),
        PushToken("push@p.example", "me"),
    )
    assert variables["QUICKTHUMB_ORIGINALS_BUCKET"] == "quickthumb-originals"
    assert variables["QUICKTHUMB_UPLOADS_TOPIC"] == "projects/quickthumb/topics/uploads"
    assert variables["STORAGE_EMULATOR_HOST"] == "http://storage"
    assert variables["PUBSUB_EMULATOR_HOST"] == "pubsub:1"
    assert variables["QUICKTHUMB_PUSH_AUDIENCE"] == "me"
    assert variables["QUICKTHUMB_PUSH_ACCOUNT"] == "push@p.example"


def test_our_functions_have_pubsub_without_a_hop_and_those_of_others_the_port_for_rest_too(
    tmp_path,
):
    function = read_topology().functions["upload"]
    addresses = Addresses({"upload": f"http://{HOST}:1"}, "http://storage", "both:1", "grpc:1")
    theirs = Source(tmp_path / "main.py")
    for source, address in ((None, "grpc:1"), (theirs, "both:1")):
        part = function_part("upload", function, addresses, 1, awaited=True, source=source)
        assert part.env["PUBSUB_EMULATOR_HOST"] == address
        assert environment(function, addresses)["PUBSUB_EMULATOR_HOST"] == "both:1"


def test_pictures_wait_for_what_takes_them_and_makes_thumbnails():
    topology = read_topology()
    awaited = {name for name in topology.functions if topology.serves_pictures(name)}
    assert awaited == {"upload", "resize"}


def renamed(names):
    """Return the topology in which functions and topics have these names, where they are given."""
    document = copy.deepcopy(DOCUMENT)
    for section in ("functions", "topics"):
        document[section] = {names.get(k, k): value for k, value in document[section].items()}
    for value in document["environment"].values():
        if "topic" in value:
            value["topic"] = names.get(value["topic"], value["topic"])
    notify = document["buckets"]["originals"]["notify"]
    notify["topic"] = names.get(notify["topic"], notify["topic"])
    for subscription in document["subscriptions"].values():
        for place, key in (
            (subscription, "topic"),
            (subscription, "push_to"),
            (subscription.get("dead_letter"), "topic"),
        ):
            if place:
                place[key] = names.get(place[key], place[key])
    for schedule in document["schedules"].values():
        schedule["function"] = names.get(schedule["function"], schedule["function"])
    return document


def test_functions_and_topics_are_found_by_what_they_do(tmp_path):
    names = {"upload": "cashier", "sweep": "porter", "completed": "bell", "uploads": "rail"}
    topology = load(renamed(names), tmp_path)
    assert topology.called_by("http") == "cashier"
    assert topology.called_by("schedule") == "porter"
    assert topology.topic_in("QUICKTHUMB_COMPLETED_TOPIC") == "bell"
    assert topology.topic_in("QUICKTHUMB_OTHER_TOPIC") is None
    assert {name for name in topology.functions if topology.serves_pictures(name)} == {
        "cashier",
        "resize",
    }


def test_a_cloud_takes_pictures_with_the_function_that_the_public_calls(tmp_path):
    topology = load(renamed({"upload": "cashier"}), tmp_path)
    port = free_port()
    cloud = Cloud(topology, tmp_path / "data", Console(), port=port)
    assert cloud.addresses.upload == f"http://{HOST}:{port}"
    assert cloud.addresses.functions["cashier"] == cloud.addresses.upload
    assert cloud.addresses.tokens.keys() == {"resize", "bury", "sweep"}


def test_without_a_public_function_pictures_cannot_be_sent(tmp_path):
    document = changed("functions.upload.trigger", "pubsub")
    assert load(document, tmp_path).called_by("http") is None
