"""The promise of docs/reliability.md, with processes that die before or after any of their calls.

Buckets and topics count the calls that are made to them, and at one of these the process dies: the
call is not made, or it is made and its answer never seen. What Pub/Sub then delivers again, or what
a sweep finds, must lead to the same end as a life without deaths.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from quickthumb.bury import bury
from quickthumb.documents.job import Job
from quickthumb.documents.names import new_id
from quickthumb.documents.rendition import Rendition
from quickthumb.limits import Limits
from quickthumb.messaging import Message
from quickthumb.policy import Policy
from quickthumb.problems import Unavailable
from quickthumb.resize import resize
from quickthumb.store import Store
from quickthumb.sweep import sweep
from quickthumb.sweeping.sweeper import Sweeper
from quickthumb.upload import File, accept
from tests.doubles import MemoryCloud, MemoryKitchen
from tests.pictures import picture
from tests.settings import settings_with

RENDITIONS = (Rendition.square(24), Rendition.square(12))
SETTINGS = settings_with()
PICTURE = picture()


class Death(BaseException):
    """The process is gone: no handler of ours may see this."""


@dataclass
class Fate:
    """What happens at one of the calls that a process makes.

    Attributes:
        at: number of the call, from 1; 0 lets the process live.
        on: name of the call, instead.
        answered: whether the call is made first.
        strike: what happens.
    """

    at: int = 0
    answered: bool = False
    strike: Callable[[], None] = lambda: _die()
    on: str = ""
    calls: list[str] = field(default_factory=list)
    is_dead: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def meet(self, name: str, call: Callable[[], Any]) -> Any:
        """Make a call, or the one that was meant for it; other threads wait."""
        with self.lock:
            if self.is_dead:
                raise Death
            self.calls.append(name)
            fated = len(self.calls) == self.at or name == self.on
            try:
                if fated and not self.answered:
                    self.strike()
                result = call()
                if fated and self.answered:
                    self.strike()
            except Death:
                self.is_dead = True
                raise
        return result


def _die() -> None:
    raise Death


class Mortal:
    """A bucket, a topic or a kitchen whose every call meets a fate."""

    def __init__(self, inner: Any, fate: Fate) -> None:
        self._inner, self._fate = inner, fate

    @property
    def name(self) -> str:
        return str(self._inner.name)

    def __getattr__(self, method: str) -> Callable[..., Any]:
        call = getattr(self._inner, method)
        return lambda *args, **kwargs: self._fate.meet(method, lambda: call(*args, **kwargs))


class MortalKitchen(Mortal):
    """A kitchen for whose jobs the same holds."""

    @contextmanager
    def job(self, size: int) -> Iterator[Mortal]:
        with self._inner.job(size) as job:
            yield Mortal(job, self._fate)


class World(MemoryCloud):
    """The whole service, in memory."""

    def store(self, fate: Fate | None = None) -> Store:
        fate = fate or Fate()
        return Store(Mortal(self.originals, fate), Mortal(self.processed, fate))

    def upload(self, fate: Fate | None = None) -> Job:
        fate = fate or Fate()
        file = File("a.jpg", PICTURE)
        store, uploads = self.store(fate), Mortal(self.uploads, fate)
        return accept(new_id(), file, RENDITIONS, store, uploads, Limits())

    def delete(self, id: str, fate: Fate | None = None) -> bool:
        return self.store(fate).delete(id)

    def resize(self, job: Job, fate: Fate | None = None, attempt: int = 1) -> None:
        fate = fate or Fate()
        message = Message(job.to_json(), {}, "1", attempt)
        completed, kitchen = Mortal(self.completed, fate), MortalKitchen(MemoryKitchen(), fate)
        resize(message, self.store(fate), completed, SETTINGS, kitchen)

    def bury(self, job: Job, fate: Fate | None = None) -> None:
        fate = fate or Fate()
        message = Message(job.to_json(), {}, "1", None)
        bury(message, self.store(fate), Mortal(self.completed, fate))

    def sweep(self, fate: Fate | None = None, drop_seconds: int | None = None) -> None:
        fate = fate or Fate()
        sweeper = Sweeper(
            self.store(fate),
            Mortal(self.uploads, fate),
            Mortal(self.completed, fate),
            Policy(attempts=2, per_second=100_000, drop_seconds=drop_seconds),
            SETTINGS.menu.standard,
            now=lambda: self.time,
        )
        sweep(sweeper)

    def deliver(self) -> None:
        """Deliver what was published, each message once, to a `resize` that lives."""
        while self.uploads.messages:
            body, _ = self.uploads.messages.pop(0)
            self.resize(Job.from_json(body))

    def lose(self) -> None:
        """Be a broker that forgets."""
        self.uploads.messages.clear()

    def recover(self) -> None:
        """Let some sweeps go by."""
        for _ in range(3):
            self.later(days=2)
            self.sweep()
            self.deliver()

    def results(self) -> dict[str, bytes]:
        """Return what lies in the processed bucket, under the names without the ids."""
        found = {name.partition("/")[2]: data for name, (_, data) in self.processed.blobs.items()}
        if "manifest.json" in found:
            found["manifest.json"] = b"names the id"
        return found

    def events(self) -> set[str]:
        return {attributes["state"] for _, attributes in self.completed.messages}


def calm() -> World:
    world = World()
    world.upload()
    world.deliver()
    return world


def calls_of(act: Callable[[World, Fate], Any], prepare: Callable[[World], Any]) -> list[str]:
    """Return the calls that an act makes in a life without deaths."""
    world, fate = World(), Fate()
    prepare(world)
    act(world, fate)
    return fate.calls


def points(calls: list[str]) -> list[Any]:
    """Return every point at which a process can die, before and after each call."""
    return [
        pytest.param(number, answered, id=f"{'after' if answered else 'before'}-{number}-{name}")
        for number, name in enumerate(calls, 1)
        for answered in (False, True)
    ]


UPLOAD = calls_of(lambda world, fate: world.upload(fate), lambda world: None)
RESIZE = calls_of(
    lambda world, fate: world.resize(Job.from_json(world.uploads.messages[0][0]), fate),
    lambda world: world.upload(),
)
BURY = calls_of(
    lambda world, fate: world.bury(Job.from_json(world.uploads.messages[0][0]), fate),
    lambda world: world.upload(),
)


def lost(world: World) -> Job:
    """Have an upload whose message is lost."""
    job = world.upload()
    world.lose()
    world.later(days=2)
    return job


def done(world: World) -> Job:
    """Have an upload that is done."""
    job = world.upload()
    world.deliver()
    return job


def half_deleted(world: World) -> Job:
    """Have an upload whose deletion died after its first write."""
    job = done(world)
    with suppress(Death):
        world.delete(job.id, Fate(on="write", answered=True))
    return job


def finished(world: World) -> Job:
    """Have an upload that is deleted, and whose tombstone has lived long enough."""
    job = done(world)
    world.delete(job.id)
    world.later(days=2)
    return job


def old(world: World) -> Job:
    """Have an upload that was done a while ago."""
    job = done(world)
    world.later(days=2)
    return job


SWEEP = calls_of(lambda world, fate: world.sweep(fate), lost)
DELETE = calls_of(lambda world, fate: world.delete(next(iter(world.originals.blobs)), fate), done)
DROP = calls_of(lambda world, fate: world.sweep(fate, drop_seconds=60), old)
FINISH = calls_of(lambda world, fate: world.sweep(fate), half_deleted)
EXPIRE = calls_of(lambda world, fate: world.sweep(fate), finished)


def test_every_point_of_the_table_is_met():
    assert UPLOAD == ["create", "publish"]
    assert RESIZE == [
        "warm",  # the process that will decode
        "read",  # the original
        "render",
        "write",
        "write",
        "write",  # the manifest, if there is none
        "publish",
    ]
    assert BURY == ["stat", "write", "publish"]
    assert SWEEP[-2:] == ["write", "publish"]
    assert DELETE == [
        "fetch",  # the manifest
        "write",  # the tombstone
        "delete",  # the original
        "walk",
        "delete",
        "delete",
    ]
    assert DROP[-3:] == ["fetch", "write", "delete"]
    assert FINISH[-5:] == ["write", "delete", "walk", "delete", "delete"]
    assert EXPIRE[-1] == "delete"  # the tombstone


@pytest.mark.parametrize(("sizes", "calls"), [((24,), 4), ((24, 12, 8, 6), 7)])
def test_a_job_takes_four_calls_in_a_row_however_many_thumbnails_it_has(sizes, calls):
    world, fate = World(), Fate()
    renditions = tuple(map(Rendition.square, sizes))
    file, store = File("a.jpg", PICTURE), world.store(fate)
    job = accept(new_id(), file, renditions, store, Mortal(world.uploads, fate), Limits())
    world.resize(job, fate)
    of_storage = [call for call in fate.calls if call in ("create", "read", "write", "stat")]
    assert len(of_storage) == calls
    assert of_storage[0] == "create"  # of the upload
    in_a_row = list(dict.fromkeys(of_storage[1:]))
    assert in_a_row == ["read", "write"]
    assert fate.calls[-1] == "publish"


@pytest.mark.parametrize(("at", "answered"), points(UPLOAD))
def test_an_upload_that_dies_leaves_nothing_or_ends(at, answered):
    world = World()
    with pytest.raises(Death):
        world.upload(Fate(at, answered))
    world.deliver()
    world.recover()
    if world.originals.blobs:
        assert world.results() == calm().results()
        assert world.events() == {"done"}
    else:
        assert not world.processed.blobs


@pytest.mark.parametrize("redelivered", [True, False], ids=["redelivered", "swept"])
@pytest.mark.parametrize(("at", "answered"), points(RESIZE))
def test_a_job_that_dies_is_eventually_done(at, answered, redelivered):
    world = World()
    job = world.upload()
    with pytest.raises(Death):
        world.resize(job, Fate(at, answered))
    if not redelivered:
        world.lose()
    world.deliver()
    world.recover()
    assert world.results() == calm().results()
    if redelivered:
        assert world.events() == {"done"}


@pytest.mark.parametrize(("at", "answered"), points(RESIZE))
def test_a_job_that_storage_or_pubsub_fails_is_done_in_the_end(at, answered):
    def fail() -> None:
        raise Unavailable("it does not answer")

    world = World()
    job = world.upload()
    with pytest.raises(Unavailable):
        world.resize(job, Fate(at, answered, fail))
    world.deliver()
    assert world.results() == calm().results()
    assert world.events() == {"done"}


@pytest.mark.parametrize("then", ["lives", "dies"])
@pytest.mark.parametrize(("at", "answered"), points(RESIZE))
def test_of_an_upload_that_is_deleted_meanwhile_nothing_is_left(at, answered, then):
    world = World()
    job = world.upload()

    def delete() -> None:
        world.store().delete(job.id)
        if then == "dies":
            raise Death

    with suppress(Death):
        world.resize(job, Fate(at, answered, delete))
    world.deliver()  # the message that nobody acknowledged, or that is delivered twice
    world.recover()
    assert not world.originals.blobs
    assert not world.processed.blobs


@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.parametrize(("at", "answered"), points(RESIZE))
def test_two_deliveries_at_once_end_as_one(at, answered, attempt):
    world = World()
    job = world.upload()
    world.resize(job, Fate(at, answered, lambda: world.resize(job, attempt=attempt)))
    assert world.results() == calm().results()
    assert world.events() == {"done"}


@pytest.mark.parametrize("then", ["repeated", "left", "delivered", "delivered again"])
@pytest.mark.parametrize(("at", "answered"), points(DELETE))
def test_a_deletion_that_dies_has_happened_or_not(at, answered, then):
    world = World()
    job = done(world)
    with pytest.raises(Death):
        world.delete(job.id, Fate(at, answered))
    has_happened = world.store().status(job.id) is None
    assert has_happened == ((at, answered) >= (2, True))
    if then == "repeated":
        world.delete(job.id)
        has_happened = True
    elif then != "left":
        world.resize(job, attempt=1 if then == "delivered" else 2)
    assert (world.store().status(job.id) is None) == has_happened
    world.recover()
    if has_happened:
        assert not world.originals.blobs
        assert not world.processed.blobs
    else:
        assert world.results() == calm().results()


@pytest.mark.parametrize(("at", "answered"), points(DROP))
def test_an_original_whose_dropping_dies_is_dropped_in_the_end(at, answered):
    world = World()
    job = old(world)
    with pytest.raises(Death):
        world.sweep(Fate(at, answered), drop_seconds=60)
    world.resize(job, attempt=2)  # late, after the message was acknowledged
    world.later(days=2)
    world.sweep(drop_seconds=60)
    world.resize(job)
    world.recover()
    assert not world.originals.blobs
    assert world.results() == calm().results()


@pytest.mark.parametrize("prepare", [half_deleted, finished])
@pytest.mark.parametrize(("at", "answered"), points(FINISH))
def test_a_sweep_that_dies_over_a_tombstone_is_made_up_for(prepare, at, answered):
    world = World()
    job = prepare(world)
    with suppress(Death):
        world.sweep(Fate(at, answered))
    world.resize(job)
    assert world.store().status(job.id) is None
    world.recover()
    assert not world.originals.blobs
    assert not world.processed.blobs


@pytest.mark.parametrize("delivered", ["before", "at once", "after", "never"])
def test_of_an_upload_whose_publishing_was_not_answered_nothing_is_left(delivered):
    world = World()

    def fail() -> None:
        if delivered == "before":
            world.deliver()
        raise Unavailable("it does not answer")

    if delivered == "at once":  # the take-back comes in between
        write = world.processed.write

        def deliver_first(name, *arguments, **options):
            world.processed.write = write
            world.deliver()
            return write(name, *arguments, **options)

        world.processed.write = deliver_first
    with pytest.raises(Unavailable):
        world.upload(Fate(2, answered=True, strike=fail))
    if delivered == "never":
        world.lose()
    world.deliver()
    world.recover()
    assert not world.originals.blobs
    assert not world.processed.blobs


@pytest.mark.parametrize(("at", "answered"), points(BURY))
def test_a_burial_that_dies_is_held_in_the_end(at, answered):
    world = World()
    job = world.upload()
    world.lose()
    with pytest.raises(Death):
        world.bury(job, Fate(at, answered))
    world.bury(job)
    assert world.results() == {"manifest.json": b"names the id"}
    assert world.store().results.manifest(job.id).failure.code == "gave-up"
    assert world.events() == {"failed"}


@pytest.mark.parametrize(("at", "answered"), points(SWEEP))
def test_a_sweep_that_dies_is_resumed(at, answered):
    world = World()
    lost(world)
    with pytest.raises(Death):
        world.sweep(Fate(at, answered))
    world.deliver()
    world.recover()
    assert world.results() == calm().results()
    assert world.events() == {"done"}


def test_a_sweep_that_dies_whenever_it_has_published_does_not_feed_a_loop():
    world = World()
    job = lost(world)
    for _ in range(2):
        with pytest.raises(Death):
            world.sweep(Fate(on="publish", answered=True))
        world.later(days=30)
    world.sweep()
    assert len(world.uploads.messages) == 2  # the policy's attempts, and no more
    assert world.store().results.manifest(job.id).failure.code == "gave-up"


@pytest.mark.parametrize("copies", [2, 5])
def test_a_job_that_is_delivered_several_times_is_the_same_job(copies):
    world = World()
    job = world.upload()
    for _ in range(copies):
        world.resize(job)
    assert world.results() == calm().results()


def test_a_picture_that_could_not_be_published_or_taken_back_is_swept_up():
    world = World()

    def storage_goes() -> None:
        world.originals.broken = world.processed.broken = True
        raise Unavailable("it does not answer")

    with pytest.raises(Unavailable):
        world.upload(Fate(2, answered=False, strike=storage_goes))
    world.originals.broken = world.processed.broken = False
    world.recover()
    assert world.results() == calm().results()


def test_a_picture_that_could_be_taken_back_in_part_is_gone_in_the_end():
    world = World()

    def storage_goes() -> None:
        world.originals.broken = True
        raise Unavailable("it does not answer")

    with pytest.raises(Unavailable):
        world.upload(Fate(2, answered=False, strike=storage_goes))
    world.originals.broken = False
    world.recover()
    assert not world.originals.blobs
    assert not world.processed.blobs


def test_a_picture_whose_storing_was_not_answered_is_taken_back():
    world = World()

    def fail() -> None:
        raise Unavailable("it does not answer")

    with pytest.raises(Unavailable):
        world.upload(Fate(1, answered=True, strike=fail))
    assert not world.originals.blobs
