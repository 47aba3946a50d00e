import shutil
import sqlite3
import time
from pathlib import Path

import pytest
from google.iam.v1.policy_pb2 import Policy
from google.protobuf.field_mask_pb2 import FieldMask

from emulator.pubsub import protos
from emulator.pubsub.errors import DataInUse
from emulator.pubsub.journal import journal
from emulator.pubsub.journal.database import FILE_NAME
from emulator.pubsub.journal.journal import Journal
from emulator.pubsub.journal.restore import restore
from emulator.pubsub.rules import wire
from emulator.pubsub.rules.access import Access
from emulator.pubsub.rules.catalogue import Catalogue
from emulator.pubsub.rules.errors import FailedPrecondition, JournalFailed, NotFound
from emulator.pubsub.rules.registry import Registry
from emulator.pubsub.rules.replay import seek, seek_snapshot
from emulator.pubsub.rules.schemas.book import SchemaBook
from emulator.pubsub.rules.schemas.topics import accepted, admit

FIRST_VERSION = Path(__file__).parents[2] / "fixtures/pubsub/journal.sqlite3"

NOW = 1_700_000_000.0
TOPIC = "projects/p/topics/things"
SUBSCRIPTION = "projects/p/subscriptions/all"
SNAPSHOT = "projects/p/snapshots/before"
SCHEMA = "projects/p/schemas/kept"


class Run:
    """A broker on a data folder, from its start to its end."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder)
        first = self.journal.earlier.last_number() + 1
        self.registry = Registry(self, self.journal, first_id=first)
        self.catalogue = Catalogue(self.registry)
        restore(self.journal, self.registry)
        self.journal.start()

    def ready(self, subscription) -> None:
        """Nobody waits."""

    def due(self, at) -> None:
        """Time is told."""

    def create(self, retention=0, **subscription) -> None:
        topic = protos.Topic(name=TOPIC)
        if retention:
            topic.message_retention_duration.FromSeconds(retention)
        self.catalogue.create_topic(topic)
        self.catalogue.create_subscription(
            protos.Subscription(name=SUBSCRIPTION, topic=TOPIC, **subscription)
        )

    def publish(self, *contents, key="") -> None:
        drafts = [protos.PubsubMessage(data=c.encode(), ordering_key=key) for c in contents]
        topic = self.registry.topic(TOPIC)
        messages = wire.stamp(drafts, self.registry.router.new_ids(len(drafts)), NOW)
        self.registry.router.publish(topic, messages)

    def lease(self, limit=100):
        return self.registry.subscription(SUBSCRIPTION).lease(NOW, limit)

    def take(self, limit=100):
        deliveries = self.lease(limit)
        leases = [delivery.lease for delivery in deliveries]
        self.registry.subscription(SUBSCRIPTION).acknowledge(leases, NOW)
        return data_of(deliveries)

    def end(self) -> None:
        self.journal.close()


def data_of(deliveries):
    return [wire.parse(delivery.message.wire).data.decode() for delivery in deliveries]


@pytest.fixture
def start(tmp_path):
    runs = []

    def start_after_the_last() -> Run:
        if runs:
            runs[-1].end()
        runs.append(Run(tmp_path))
        return runs[-1]

    yield start_after_the_last
    runs[-1].end()


def test_schemas_and_policies_of_access_survive(start):
    run = start()
    run.create()
    book, access = SchemaBook(run.registry), Access(run.registry)
    definition = protos.Schema(type_=2, definition='"string"')
    for schema_id in ("kept", "gone"):
        book.create("projects/p", schema_id, definition, NOW)
    first = book.get(SCHEMA, 2)
    second, third = (book.commit(SCHEMA, definition, NOW) for _ in range(2))
    book.delete_revision(f"{SCHEMA}@{second.revision_id}")
    policies = {}
    for resource in (TOPIC, SUBSCRIPTION, SCHEMA, "projects/p/schemas/gone"):
        binding = {"role": "roles/pubsub.viewer", "members": [resource]}
        policies[resource] = access.set_policy(resource, Policy(bindings=[binding]), FieldMask())
    book.delete("projects/p/schemas/gone")
    run.catalogue.delete_subscription(SUBSCRIPTION)
    run = start()
    book, access = SchemaBook(run.registry), Access(run.registry)
    assert book.revisions(SCHEMA, 2) == [first, third]
    assert len(book.of_project("projects/p", 1)) == 1
    for resource in (TOPIC, SCHEMA):
        assert access.policy(resource) == policies[resource]
    run.catalogue.create_subscription(protos.Subscription(name=SUBSCRIPTION, topic=TOPIC))
    book.create("projects/p", "gone", definition, NOW)
    for resource in (SUBSCRIPTION, "projects/p/schemas/gone"):
        assert not access.policy(resource).bindings


def test_messages_of_a_schema_that_is_deleted_say_so_after_a_restart(start):
    run = start()
    run.create()
    book = SchemaBook(run.registry)
    made = book.create("projects/p", "kept", protos.Schema(type_=2, definition='"string"'), NOW)
    settings = {"schema": SCHEMA, "encoding": 1}
    run.catalogue.update_topic(
        protos.Topic(name=TOPIC, schema_settings=settings), FieldMask(paths=["schema_settings"])
    )
    draft = protos.PubsubMessage(data=b'"a"')
    admit(accepted(run.registry.schemas, protos.SchemaSettings(**settings)), 1, [draft])
    assert draft.attributes["googclient_schemarevisionid"] == made.revision_id
    messages = wire.stamp([draft], run.registry.router.new_ids(1), NOW)
    run.registry.router.publish(run.registry.topic(TOPIC), messages)
    book.delete(SCHEMA)
    run = start()
    [delivery] = run.lease()
    assert delivery.message.attributes["googclient_schemaname"] == "_deleted-schema_"
    assert run.catalogue.topic(TOPIC).schema_settings.schema == "_deleted-schema_"


def test_messages_and_descriptions_survive(start):
    run = start()
    run.create(ack_deadline_seconds=33, filter='NOT attributes:"x"')
    described = run.catalogue.subscription(SUBSCRIPTION)
    run.publish("a", "b")
    run = start()
    assert run.catalogue.subscription(SUBSCRIPTION) == described
    assert run.catalogue.topic(TOPIC).name == TOPIC
    assert run.take() == ["a", "b"]


def test_messages_in_flight_come_again(start):
    run = start()
    run.create()
    run.publish("a")
    run.lease()
    assert start().take() == ["a"]


def test_acknowledged_messages_stay_away(start):
    run = start()
    run.create()
    run.publish("a", "b")
    run.take(limit=1)
    run = start()
    assert run.take() == ["b"]
    assert start().take() == []


def test_failed_attempts_are_remembered(start):
    run = start()
    run.create()
    run.publish("a")
    (delivery,) = run.lease()
    run.registry.subscription(SUBSCRIPTION).modify([delivery.lease], 0, NOW)
    (again,) = start().lease()
    assert again.attempts == 2


def test_ids_grow_from_one_run_to_the_next(start):
    run = start()
    run.create()
    run.publish("a")
    (first,) = run.lease()
    last = first.message.id
    run.registry.subscription(SUBSCRIPTION).acknowledge([first.lease], NOW)
    run = start()
    run.publish("b")
    (second,) = run.lease()
    assert second.message.id > last


def test_ordered_messages_stay_in_order(start):
    run = start()
    run.create(enable_message_ordering=True)
    run.publish("a", "b", key="k")
    run.lease(limit=1)
    run = start()
    run.publish("c", key="k")
    assert run.take() == ["a", "b", "c"]


def test_retained_messages_can_be_replayed_after_a_restart(start):
    run = start()
    run.create(retain_acked_messages=True)
    run.publish("a")
    run.take()
    run = start()
    assert run.take() == []
    seek(run.registry, SUBSCRIPTION, NOW, NOW)
    run = start()
    assert run.take() == ["a"]


def test_messages_that_a_topic_retains_survive(start):
    run = start()
    run.create(retention=600)
    run.publish("a")
    run.take()
    run = start()
    seek(run.registry, SUBSCRIPTION, NOW, NOW)
    assert run.take() == ["a"]


def test_a_snapshot_survives_with_its_messages_until_it_is_deleted(start):
    run = start()
    run.create()
    run.publish("before")
    run.catalogue.create_snapshot(SNAPSHOT, SUBSCRIPTION, {"colour": "red"}, NOW)
    described = run.catalogue.snapshot(SNAPSHOT)
    run.publish("after")
    assert run.take() == ["before", "after"]
    run = start()
    assert run.catalogue.snapshot(SNAPSHOT) == described
    assert run.catalogue.snapshots_of_topic(TOPIC) == [SNAPSHOT]
    run.publish("later")
    run.take()
    run = start()
    seek_snapshot(run.registry, SUBSCRIPTION, SNAPSHOT, NOW)
    run = start()
    assert run.take() == ["before", "after", "later"]
    run.catalogue.delete_snapshot(SNAPSHOT)
    run = start()
    assert run.catalogue.snapshots("projects/p") == []
    assert list(run.journal.earlier.deliveries()) == []
    assert list(run.journal.earlier.messages()) == []


def test_a_snapshot_ends_when_its_oldest_message_is_a_week_old(start):
    run = start()
    run.create()
    run.publish("a")
    day = 86_400
    run.catalogue.create_snapshot(SNAPSHOT, SUBSCRIPTION, {}, NOW + day)
    assert run.catalogue.snapshot(SNAPSHOT).expire_time.ToSeconds() == NOW + 7 * day
    run.catalogue.expire(NOW + 7 * day - 1)
    assert run.catalogue.snapshot(SNAPSHOT).topic == TOPIC
    run.catalogue.expire(NOW + 7 * day)
    with pytest.raises(NotFound):
        run.catalogue.snapshot(SNAPSHOT)
    run.publish("b")
    with pytest.raises(FailedPrecondition, match=r"7\.0 days old"):
        run.catalogue.create_snapshot(SNAPSHOT, SUBSCRIPTION, {}, NOW + 7 * day - 60)


def test_what_is_deleted_stays_deleted(start, tmp_path):
    run = start()
    run.create()
    run.publish("a")
    run.catalogue.delete_topic(TOPIC)
    run = start()
    assert run.catalogue.subscription(SUBSCRIPTION).topic == "_deleted-topic_"
    assert run.take() == ["a"]
    with pytest.raises(NotFound):
        run.publish("b")
    run.catalogue.delete_subscription(SUBSCRIPTION)
    run = start()
    assert run.catalogue.subscriptions("projects/p") == []
    run.end()
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        for table in ("topics", "subscriptions", "messages", "deliveries"):
            assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)  # noqa: S608


def test_a_topic_that_is_made_again_inherits_nothing(start):
    run = start()
    run.create(retention=600)
    run.catalogue.create_snapshot(SNAPSHOT, SUBSCRIPTION, {}, NOW)
    run.publish("early")
    run.catalogue.delete_topic(TOPIC)
    assert run.catalogue.snapshot(SNAPSHOT).topic == "_deleted-topic_"
    topic = protos.Topic(name=TOPIC, message_retention_duration={"seconds": 600})
    run.catalogue.create_topic(topic)
    late = SUBSCRIPTION + "-late"
    run.catalogue.create_subscription(protos.Subscription(name=late, topic=TOPIC))
    run = start()
    assert run.catalogue.snapshots_of_topic(TOPIC) == []
    seek(run.registry, late, 1.0, NOW)
    assert data_of(run.registry.subscription(late).lease(NOW, 100)) == []
    assert run.take() == ["early"]


def test_what_is_committed_can_be_waited_for(start):
    run = start()
    run.create()
    run.publish("a")
    assert run.journal.committed().result(timeout=10) is None


def test_a_folder_serves_one_broker_at_a_time(start, tmp_path):
    start()
    with pytest.raises(DataInUse, match=str(tmp_path)):
        Journal(tmp_path)


class Disk:
    """Where the databases are that are opened from now on; it can be full."""

    def __init__(self) -> None:
        self.databases: list[sqlite3.Connection] = []
        self.connect = sqlite3.connect

    def open(self, *arguments, **options) -> sqlite3.Connection:
        self.databases.append(self.connect(*arguments, **options))
        return self.databases[-1]

    def grow_to(self, pages) -> None:
        self.databases[-1].execute(f"PRAGMA max_page_count = {pages}")

    def fill(self, run) -> None:
        """Let a broker write more than there is room for."""
        run.create()
        run.journal.committed().result(timeout=10)
        self.grow_to(20)
        run.publish("x" * 1_000_000)

    def clear(self, run) -> None:
        self.grow_to(1_000_000)
        until(lambda: not refused(run))


@pytest.fixture
def disk(monkeypatch):
    disk = Disk()
    monkeypatch.setattr(sqlite3, "connect", disk.open)
    monkeypatch.setattr(journal, "RETRY_SECONDS", 0.01)
    return disk


def refused(run):
    try:
        run.journal.check()
    except JournalFailed as error:
        return "full" in str(error)
    return False


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_full_disk_is_told(disk, start, caplog):
    run = start()
    disk.fill(run)
    until(lambda: refused(run))
    assert "the journal cannot be written: database or disk is full" in caplog.text
    disk.clear(run)


def test_a_pending_publish_completes_once_the_full_disk_has_room(disk, start):
    run = start()
    disk.fill(run)
    waiting, given_up = run.journal.committed(), run.journal.committed()
    until(lambda: refused(run))
    assert given_up.cancel()
    late = run.journal.committed()
    assert not waiting.done()
    disk.clear(run)
    assert waiting.result(timeout=10) is late.result(timeout=10) is None


def test_what_did_not_fit_is_written_once_there_is_room(disk, start):
    run = start()
    disk.fill(run)
    until(lambda: refused(run))
    run.publish("later")
    disk.clear(run)
    run.journal.committed().result(timeout=10)
    assert start().take() == ["x" * 1_000_000, "later"]


def test_unwritten_data_is_reported_at_the_end(disk, tmp_path):
    run = Run(tmp_path)
    disk.fill(run)
    until(lambda: refused(run))
    waiting = run.journal.committed()
    with pytest.raises(JournalFailed, match="full"):
        run.end()
    with pytest.raises(JournalFailed, match="full"):
        waiting.result(timeout=10)


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / FILE_NAME).write_text("something else entirely " * 100)
    with pytest.raises(sqlite3.DatabaseError):
        Journal(tmp_path)


def test_what_the_first_version_wrote_is_read(tmp_path, start):
    """The file was written by the broker as it was before it had a version."""
    shutil.copy(FIRST_VERSION, tmp_path / FILE_NAME)
    run = start()
    project = "projects/p"
    [dead, things] = run.catalogue.topics(project)
    assert (dead.name, things.name) == (f"{project}/topics/dead", TOPIC)
    assert dict(things.labels) == {"colour": "red"}
    assert things.message_retention_duration.seconds == 600
    ordered, orphan, pushed, replayable = (
        run.registry.subscription(f"{project}/subscriptions/{name}")
        for name in ("ordered", "orphan", "pushed", "replayable")
    )
    assert ordered.description.ack_deadline_seconds == 33
    assert orphan.description.topic == "_deleted-topic_"
    assert pushed.policy.push.service_account == "a@b.c"
    assert pushed.policy.retry.minimum == 2
    assert pushed.policy.dead_letter.max_delivery_attempts == 7
    assert replayable.policy.wanted(list(replayable.unacknowledged()))
    taken = {
        subscription: [(d.message.id, d.attempts) for d in subscription.lease(NOW, 100)]
        for subscription in (ordered, orphan, pushed, replayable)
    }
    assert taken == {
        ordered: [(1004, 1)],
        orphan: [(1000, 1)],
        pushed: [(1001, 2), (1002, 1), (1003, 1), (1004, 1)],
        replayable: [(1003, 1)],
    }
    seek(run.registry, replayable.name, NOW, NOW)
    assert [d.message.id for d in replayable.lease(NOW, 100)] == [1001, 1003]
    for name in ("ordered", "pushed"):
        seek_snapshot(
            run.registry, f"{project}/subscriptions/{name}", f"{project}/snapshots/before", NOW
        )
    assert [m.id for m in ordered.unacknowledged()] == [1001, 1002, 1003, 1004]
    assert run.catalogue.snapshot(f"{project}/snapshots/before").labels["kind"] == "test"
    run.publish("fifth")
    (*_, fifth) = ordered.unacknowledged()
    assert fifth.id > 1004


def test_changes_made_together_are_committed_together(start, tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "GATHER_SECONDS", 0.0)
    run = start()
    run.create(retain_acked_messages=True)
    run.publish("a")
    run.journal.committed().result(20)
    with run.journal.together():
        run.catalogue.create_snapshot(SNAPSHOT, SUBSCRIPTION, {}, NOW)
        time.sleep(0.2)
        copy = tmp_path / "copy"
        shutil.copytree(tmp_path, copy)
        run.catalogue.delete_subscription(SUBSCRIPTION)
    killed = Run(copy)
    assert killed.catalogue.snapshots("projects/p") == []
    assert killed.take() == ["a"]
    killed.end()


def test_what_belongs_to_nobody_is_dropped(start, tmp_path):
    run = start()
    run.create()
    run.publish("a")
    run.end()
    database = sqlite3.connect(tmp_path / FILE_NAME)
    database.execute("INSERT INTO deliveries (subscription, message) SELECT 2, id FROM messages")
    database.commit()
    database.close()
    run = start()
    run.catalogue.create_subscription(protos.Subscription(name=f"{SUBSCRIPTION}-2", topic=TOPIC))
    run = start()
    assert run.registry.subscription(f"{SUBSCRIPTION}-2").unacknowledged() == []
    assert run.take() == ["a"]
