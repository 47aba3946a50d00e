"""Every field of topology.yaml, changed: the deployment changes, and so does the emulator."""

import copy
import itertools

import pytest
import yaml
from msgspec.structs import fields

import emulator.cloud
from emulator.cloud import Cloud
from emulator.console import Console
from emulator.parts import functions, pubsub, pubsub_resources
from emulator.topology import (
    Bucket,
    Function,
    Notification,
    Schedule,
    Subscription,
)
from emulator.topology_file import TOPOLOGY, read_topology
from tests.infra.deployment import WHOLE
from tests.infra.hcl import INFRA, of_kind, text_of
from tests.infra.stub import runs
from tests.infra.stub.cloud import NUMBER
from tests.infra.terraform import evaluated


def complete():
    """Return the project's topology, and in it something of all that a topology can have.

    Of each kind of function there is one that nothing calls, so that its trigger can change.
    """
    document = yaml.safe_load(TOPOLOGY.read_text())
    declared, buckets, schedules = (
        document[section] for section in ("functions", "buckets", "schedules")
    )
    for trigger in ("http", "pubsub", "schedule"):
        declared[f"spare-{trigger}"] = {**declared["resize"], "trigger": trigger}
    for bucket in buckets.values():
        bucket.setdefault("delete_after_days", 90)
    if not any("notify" in bucket for bucket in buckets.values()):
        buckets["originals"]["notify"] = {"topic": "uploads", "prefix": "incoming/"}
    if not schedules:
        declared["nightly"] = {**declared["resize"], "trigger": "schedule"}
        schedules["nightly"] = {"function": "nightly", "cron": "5 3 * * *"}
    return document


DOCUMENT = complete()

ONLY_IN_THE_CLOUD = {
    "runtime": "the emulator runs the Python it was started with",
    "memory": "processes here share the machine's memory; no limit works alike on every system",
    "cpu": "processes here share the machine's processors",
    "min_instances": "the emulator keeps as many instances as `--instances` says, one by default",
    "max_instances": "the emulator starts no instances by itself",
    "delete_after_days": "nothing runs long enough here for a blob to grow days old",
}

OTHER = {
    "runtime": "python312",
    "memory": "3Gi",
    "entry_point": "another",
    "cron": "6 4 * * *",
    "prefix": "elsewhere/",
    "maximum_backoff_seconds": 500,
}
OTHER_TRIGGER = {"http": "pubsub", "pubsub": "http", "schedule": "http"}


def another(name, old):
    """Return another value that a field can have."""
    declared = DOCUMENT["functions"]
    choice = {
        "topic": DOCUMENT["topics"],
        "bucket": DOCUMENT["buckets"],
        "push_to": [n for n, f in declared.items() if f["trigger"] == "pubsub"],
        "function": [n for n, f in declared.items() if f["trigger"] == "schedule"],
    }
    if isinstance(old, int):
        return OTHER.get(name, old + 3)
    if name == "trigger":
        return OTHER_TRIGGER[old]
    if name in choice:
        return next(value for value in choice[name] if value != old)
    return OTHER.get(name, f"{old}x")


def leaves(value, path=()):
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    else:
        yield path


def changed(path):
    """Return the topology with one field changed."""
    document = copy.deepcopy(DOCUMENT)
    place = document
    for name in path[:-1]:
        place = place[name]
    last = path[-1]
    # Of environments alone some are empty.
    place[last] = {"ADDED": "value"} if place[last] == {} else another(last, place[last])
    return document


def added(section):
    """Return the topology with one more of something."""
    document = copy.deepcopy(DOCUMENT)
    new = copy.deepcopy(list(document[section].values())[-1])
    if section == "buckets":
        new.pop("notify", None)  # of which the emulator can have one
    document[section]["added"] = "value" if section == "environment" else new
    return document


CALLED = {s["push_to"] for s in DOCUMENT["subscriptions"].values()} | {
    s["function"] for s in DOCUMENT["schedules"].values()
}
FIELDS = sorted(
    path
    for path in leaves(DOCUMENT)
    if path[0] != "topics"
    and not (path[-1] == "trigger" and path[1] in CALLED)  # which must fit who calls it
)
SECTIONS = [name for name, value in DOCUMENT.items() if isinstance(value, dict)]


def rendered(document, folder):
    """Return what Terraform makes of a topology, without any provider."""
    names = ("runtime", "functions", "buckets", "topics", "subscriptions", "schedules")
    expression = "{" + ", ".join(f"{name} = local.{name}" for name in names) + "}"
    return evaluated(expression, folder, yaml.safe_dump(document, sort_keys=False))


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory):
    """What Terraform makes of the topology as it is."""
    return rendered(DOCUMENT, tmp_path_factory.mktemp("unchanged"))


class Channel:
    """Stands in for a channel to Pub/Sub and keeps what is sent over it."""

    def __init__(self, sent):
        self.sent = sent

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def unary_unary(self, method, **_):
        return lambda request, **_: self.sent.append(f"{method} {request}") or b""


@pytest.fixture
def emulated(tmp_path, monkeypatch):
    """Returns what the emulator would run of a topology, and how, as text."""

    def run(document):
        file = tmp_path / "emulated.yaml"
        file.write_text(yaml.safe_dump(document, sort_keys=False))
        kept = []
        ports = itertools.count(20000)
        monkeypatch.setattr(emulator.cloud, "free_port", lambda: next(ports))
        monkeypatch.setattr(functions, "is_healthy", lambda port: f"healthy {port}")
        monkeypatch.setattr(functions, "answers", lambda port: f"answers {port}")
        monkeypatch.setattr(pubsub, "answers", lambda port: f"answers {port}")
        monkeypatch.setattr(
            emulator.cloud, "storage_parts", lambda *args, **_: kept.append(args) or []
        )
        monkeypatch.setattr(
            emulator.cloud, "Supervisor", lambda groups, _: kept.extend(itertools.chain(*groups))
        )
        monkeypatch.setattr(pubsub_resources.grpc, "insecure_channel", lambda _: Channel(kept))
        Cloud(read_topology(file), tmp_path / "data", Console())
        parts = [item for item in kept if hasattr(item, "command")]
        for part in parts:
            part.on_ready()
        others = [item for item in kept if not hasattr(item, "command") and item is not None]
        return [
            *((part.name, [*part.command], dict(part.env), part.is_ready()) for part in parts),
            *map(str, others),
        ]

    return run


@pytest.mark.parametrize("path", FIELDS, ids=".".join)
def test_a_changed_field_changes_the_deployment(path, unchanged, tmp_path):
    assert rendered(changed(path), tmp_path) != unchanged


@pytest.mark.parametrize("path", FIELDS, ids=".".join)
def test_a_changed_field_changes_what_the_emulator_runs(path, emulated):
    differs = emulated(DOCUMENT) != emulated(changed(path))
    assert differs != (path[-1] in ONLY_IN_THE_CLOUD), ONLY_IN_THE_CLOUD.get(path[-1])


@pytest.mark.parametrize("section", SECTIONS)
def test_one_more_of_something_is_deployed_and_emulated(section, unchanged, tmp_path, emulated):
    assert rendered(added(section), tmp_path) != unchanged
    assert emulated(DOCUMENT) != emulated(added(section))


def test_the_same_topology_is_emulated_alike(emulated):
    assert emulated(DOCUMENT) == emulated(copy.deepcopy(DOCUMENT))


def test_both_tell_the_functions_the_same(unchanged, emulated):
    deployed = unchanged["functions"]
    parts = {part[0]: part[2] for part in emulated(DOCUMENT) if isinstance(part, tuple)}
    for name, function in deployed.items():
        told = {k: text for k, text in function["environment"].items() if k != "THREADS"}
        assert told.items() <= parts[name].items(), name


FIELDS_OF = {
    "functions": Function,
    "buckets": Bucket,
    "subscriptions": Subscription,
    "schedules": Schedule,
}


@pytest.mark.parametrize("section", FIELDS_OF)
def test_every_field_that_there_can_be_is_changed_by_these_tests(section):
    written = set().union(*DOCUMENT[section].values())
    assert written == {field.name for field in fields(FIELDS_OF[section])}


RENDERED = {
    "functions": "google_cloud_run_v2_service",
    "buckets": "google_storage_bucket",
    "topics": "google_pubsub_topic",
    "subscriptions": "google_pubsub_subscription",
    "schedules": "google_cloud_scheduler_job",
}


def resource_of(section):
    return next(
        block
        for block in of_kind("resource")
        if block.labels[0] == RENDERED[section]
        and block.body.get("for_each") == f"${{local.{section}}}"
    )


@pytest.mark.parametrize("section", RENDERED)
def test_what_is_rendered_reaches_a_resource(section, unchanged):
    text = text_of(resource_of(section).body)
    for element in unchanged[section].values():
        # A path is for the environment of functions; what a bucket tells of is a block of its own.
        for key in element.keys() - {"path", "notify"}:
            assert f"each.value.{key}" in text, key
        for key in element.get("dead_letter") or ():
            assert f"dead_letter_policy.value.{key}" in text, key


ARGUMENTS = {
    "subscriptions": {"ack_deadline_seconds": "ack_deadline_seconds"},
    "buckets": {"name": "name"},
    "topics": {"name": "name"},
    "schedules": {"schedule": "cron"},
}


@pytest.mark.parametrize("section", ARGUMENTS)
def test_every_value_goes_where_it_belongs(section):
    for argument, key in ARGUMENTS[section].items():
        value = resource_of(section).body
        for name in argument.split("."):
            value = value[name]
            value = value[0] if isinstance(value, list) else value
        assert value == f"${{each.value.{key}}}", argument


def test_what_a_bucket_tells_of_reaches_its_notification():
    (block,) = [b for b in of_kind("resource") if b.labels[0] == "google_storage_notification"]
    assert "bucket.notify" in block.body["for_each"]
    for field in fields(Notification):
        assert f"each.value.{field.name}" in text_of(block.body)


def test_what_calls_a_function_may_call_it(tmp_path):
    """The grants go by the trigger of the called, so that has to fit who calls."""
    granted = evaluated(
        "[keys(local.pushed_functions), keys(local.scheduled_functions)]",
        tmp_path,
        yaml.safe_dump(DOCUMENT),
    )
    callees = [("subscriptions", "push_to"), ("schedules", "function")]
    for may, (section, field) in zip(granted, callees, strict=True):
        assert {element[field] for element in DOCUMENT[section].values()} <= set(may)


def test_a_function_has_as_many_threads_as_it_takes_requests_at_once(unchanged, emulated):
    deployed = unchanged["functions"]
    parts = {part[0]: part[2] for part in emulated(DOCUMENT) if isinstance(part, tuple)}
    for name, function in DOCUMENT["functions"].items():
        assert parts[name]["THREADS"] == str(function["concurrency"])
        # Cloud Run itself keeps to one at a time, and leaves connections open.
        assert deployed[name]["environment"]["THREADS"] == str(max(2, function["concurrency"]))


def test_every_value_of_a_function_reaches_its_service(applied):
    declared = yaml.safe_load(TOPOLOGY.read_text())["functions"]
    services = {r["config"]["name"]: r["config"] for r in applied.cloud.resources(runs.SERVICE)}
    assert services.keys() == declared.keys()
    for name, function in declared.items():
        (template,) = services[name]["template"]
        (container,) = template["containers"]
        (resources,) = container["resources"]
        environment = {variable["name"]: variable.get("value") for variable in container["env"]}
        assert template["scaling"] == [{"max_instance_count": function["max_instances"]}]
        assert template["timeout"] == f"{function['timeout_seconds']}s"
        assert template["max_instance_request_concurrency"] == function["concurrency"]
        assert resources["limits"] == {"cpu": str(function["cpu"]), "memory": function["memory"]}
        assert environment["FUNCTION_TARGET"] == function["entry_point"]
        assert environment["THREADS"] == str(max(2, function["concurrency"]))
        assert environment.keys() >= DOCUMENT["environment"].keys() | function["environment"].keys()


def public_urls(cloud):
    """Return what the functions take for the address of the service."""
    return {
        variable["value"]
        for service in cloud.resources(runs.SERVICE)
        for variable in service["config"]["template"][0]["containers"][0]["env"]
        if variable["name"] == "QUICKTHUMB_PUBLIC_URL"
    }


def test_every_function_knows_the_address_of_the_service(applied, nothing):
    assert public_urls(applied.cloud) == {f"https://{WHOLE['domain']}"}
    nothing.apply(domain="")
    assert public_urls(nothing.cloud) == {f"https://upload-{NUMBER}.europe-west1.run.app"}


def test_instances_that_always_run_are_those_of_a_service_and_not_of_every_revision(nothing):
    topology = nothing.folder / "infra" / "topology.yaml"
    topology.write_text(topology.read_text().replace("min_instances: 0", "min_instances: 1"))
    nothing.apply()
    for service in nothing.cloud.resources(runs.SERVICE):
        assert service["config"]["scaling"] == [{"min_instance_count": 1}]
        (template,) = service["config"]["template"]
        assert "min_instance_count" not in template["scaling"][0]


def test_another_runtime_is_another_image(tmp_path):
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    text = TOPOLOGY.read_text()
    changed = text.replace(DOCUMENT["runtime"], OTHER["runtime"])
    images = [evaluated("local.image", before, text), evaluated("local.image", after, changed)]
    assert images[0] != images[1]


def test_only_topology_tf_reads_the_topology():
    for file in INFRA.glob("*.tf"):
        if file.name != "topology.tf":
            assert "local.topology." not in file.read_text(), file.name


def test_no_value_of_the_topology_is_written_a_second_time():
    names = {name for section in SECTIONS for name in DOCUMENT[section]}
    texts = {
        value
        for path in leaves(DOCUMENT)
        if isinstance(value := at(path), str)
        and path[-1] != "trigger"  # a word of the language
        and not value.isdecimal()  # the same number may mean something else
    }
    for block in of_kind("resource", "data", "variable", "output"):
        for value in texts | names:
            assert f'"{value}"' not in text_of(block.body), f"{block.address} repeats {value}"
    for section in ("functions", "subscriptions"):
        body = {key: value for key, value in resource_of(section).body.items() if key != "traffic"}
        assert not numbers(body), f"{section}: a number of its own"


def at(path):
    place = DOCUMENT
    for name in path:
        place = place[name]
    return place


def numbers(value):
    """Return the numbers that stand in a body as such."""
    if isinstance(value, dict):
        return [n for key, item in value.items() if "__" not in key for n in numbers(item)]
    if isinstance(value, list):
        return [n for item in value for n in numbers(item)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []
