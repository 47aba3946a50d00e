"""Further thumbnails, with processes that die before or after any of their calls."""

from contextlib import suppress

import pytest

from quickthumb.documents.job import Job
from quickthumb.documents.rendition import Rendition
from quickthumb.problems import Unavailable
from quickthumb.wishing import ask, ask_once
from tests.unit.test_promise import Death, Fate, Mortal, World, calls_of, done, points

WANTED = (Rendition.square(20), Rendition.square(10))


def asks(world, fate=None, how=ask):
    """Ask for further thumbnails."""
    fate = fate or Fate()
    [name] = world.originals.blobs
    generation = world.originals.blobs[name][0].generation
    job = world.store().originals.requested(Job(name, "originals", name, generation, ()), ())
    wanted = WANTED if how is ask else WANTED[0]
    how(job, wanted, world.store(fate), Mortal(world.uploads, fate))


def asked(world):
    """Have an upload that is done, and gets more."""
    done(world)
    asks(world)


def asked_early(world):
    """Have an upload that gets more before its own job was done."""
    world.upload()
    asks(world)
    world.uploads.messages.pop(0)


def lost(world):
    """Have an upload that gets more, of which the messages are lost."""
    asked(world)
    world.lose()
    world.later(days=2)


def first(world):
    """Return the first job that waits."""
    return Job.from_json(world.uploads.messages[0][0])


def names(world):
    [id] = world.originals.blobs
    return [thumb.name for thumb in world.store().results.manifest(id).thumbnails]


def wishes(world):
    return [name for name in world.processed.blobs if name.endswith(".wish")]


def expect_all(world):
    """Check that everything is there, as if nobody had died."""
    calm = World()
    asked(calm)
    calm.deliver()
    assert sorted(names(world)) == sorted(names(calm)) == ["10", "12", "20", "24"]
    assert world.results() == calm.results()


ASK = calls_of(asks, done)
ASK_ONCE = calls_of(lambda world, fate: asks(world, fate, ask_once), done)
GROW = calls_of(lambda world, fate: world.resize(first(world), fate), asked)
GROW_EARLY = calls_of(lambda world, fate: world.resize(first(world), fate), asked_early)
BURY = calls_of(lambda world, fate: world.bury(first(world), fate), asked)
SWEEP = calls_of(lambda world, fate: world.sweep(fate), lost)


def test_every_point_is_met():
    assert ASK == ["create", "publish"] * 2
    assert ASK_ONCE == ["create", "publish"]
    assert GROW == [
        "fetch",  # the manifest
        "warm",
        "read",  # the original
        "render",
        "write",  # the thumbnail
        "write",  # the manifest, over what was read
        "publish",
        "delete",  # the wish
    ]
    assert GROW_EARLY[:2] == ["fetch", "stat"]
    assert GROW_EARLY.count("render") == 2
    assert BURY == ["fetch", "write"]
    assert SWEEP[-4:] == ["write", "publish"] * 2


@pytest.mark.parametrize("redelivered", [True, False], ids=["redelivered", "swept"])
@pytest.mark.parametrize(("at", "answered"), points(GROW))
def test_a_job_of_a_wish_that_dies_is_eventually_done(at, answered, redelivered):
    world = World()
    asked(world)
    with pytest.raises(Death):
        world.resize(first(world), Fate(at, answered))
    if not redelivered:
        world.lose()
    world.deliver()
    world.recover()
    expect_all(world)


@pytest.mark.parametrize(("at", "answered"), points(GROW_EARLY))
def test_a_job_of_a_wish_that_comes_first_and_dies_is_eventually_done(at, answered):
    world = World()
    asked_early(world)
    with pytest.raises(Death):
        world.resize(first(world), Fate(at, answered))
    world.lose()
    world.recover()
    expect_all(world)


@pytest.mark.parametrize(("at", "answered"), points(GROW))
def test_a_job_of_a_wish_that_storage_or_pubsub_fails_is_done_in_the_end(at, answered):
    def fail():
        raise Unavailable("it does not answer")

    world = World()
    asked(world)
    with suppress(Unavailable):
        world.resize(first(world), Fate(at, answered, fail))
    world.deliver()
    world.recover()
    expect_all(world)


@pytest.mark.parametrize(("at", "answered"), points(ASK))
def test_a_request_that_dies_is_fulfilled_or_leaves_no_wish(at, answered):
    world = World()
    done(world)
    with pytest.raises(Death):
        asks(world, Fate(at, answered))
    world.lose()
    world.recover()
    assert not wishes(world)
    assert names(world)[:2] == ["24", "12"]
    asks(world)
    world.deliver()
    expect_all(world)


@pytest.mark.parametrize(("at", "answered"), points(ASK_ONCE))
def test_an_address_whose_first_request_dies_is_made_in_the_end(at, answered):
    world = World()
    done(world)
    with pytest.raises(Death):
        asks(world, Fate(at, answered), ask_once)
    asks(world, how=ask_once)
    world.lose()
    world.recover()
    assert names(world) == ["24", "12", "20"]
    assert not wishes(world)


@pytest.mark.parametrize(("at", "answered"), points(BURY))
def test_a_bury_that_dies_loses_no_wish(at, answered):
    world = World()
    asked(world)
    with pytest.raises(Death):
        world.bury(first(world), Fate(at, answered))
    world.lose()
    world.recover()
    expect_all(world)


@pytest.mark.parametrize(("at", "answered"), points(SWEEP))
def test_a_sweep_that_dies_loses_no_wish(at, answered):
    world = World()
    lost(world)
    with pytest.raises(Death):
        world.sweep(Fate(at, answered))
    world.lose()
    world.recover()
    expect_all(world)


@pytest.mark.parametrize(("at", "answered"), points(GROW))
def test_an_upload_that_is_deleted_while_it_grows_leaves_nothing(at, answered):
    world = World()
    asked(world)
    [id] = world.originals.blobs
    growing = Fate(at, answered, lambda: world.delete(id))
    world.resize(first(world), growing)
    world.deliver()
    world.recover()
    assert not world.originals.blobs
    assert not world.processed.blobs
