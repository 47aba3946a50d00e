"""The job protocol holds in every interleaving, and fails without any of its rules."""

import pytest

from tests.model.actors import RULES
from tests.model.explore import Broken, Scenario, explore
from tests.model.world import WISH, Manifest, Thumb, World, id_of

ALL = frozenset(RULES)
OWN = ("own", 1)
IN = ("in/a", 1)
IN_ID = id_of(*IN)

QUEUED = World(
    originals=frozenset({OWN}),
    queue=frozenset({OWN}),
    next=2,
    told=frozenset({("accepted", "own")}),
)
BROUGHT = World(originals=frozenset({IN}), queue=frozenset({IN}), next=2)
DONE = QUEUED._replace(
    queue=frozenset(),
    manifests=frozenset({("own", Manifest("done", "own", 1, ("t",), version=3))}),
    thumbs=frozenset({Thumb("own", "t", "own", 1, 2, 0)}),
    events=frozenset({("own", "done")}),
    next=4,
)
UNTOLD = DONE._replace(queue=frozenset({OWN}), events=frozenset())
GAVE_UP = QUEUED._replace(
    manifests=frozenset({("own", Manifest("gave-up", "own", 1, version=2))}), next=3
)
WISHES = frozenset(Thumb("own", f"{name}{WISH}", "own", 1, n, 0) for n, name in enumerate("uv", 7))
ASKED = DONE._replace(
    thumbs=DONE.thumbs | WISHES,
    queue=frozenset({(*OWN, "u"), (*OWN, "v")}),
    told=DONE.told | {("promised", "own/u"), ("promised", "own/v")},
    next=9,
)
ASKED_U = ASKED._replace(
    thumbs=DONE.thumbs | {wish for wish in WISHES if wish.thumb == f"u{WISH}"},
    queue=frozenset({(*OWN, "u")}),
    told=DONE.told | {("promised", "own/u")},
)
GAVE_UP_ASKED = GAVE_UP._replace(thumbs=WISHES, queue=ASKED.queue, told=ASKED.told, next=9)
HALF_DELETED = QUEUED._replace(
    manifests=frozenset({("own", Manifest("deleted", "own", 1, version=2))}),
    told=frozenset({("deleting", "own")}),
    next=3,
)

FIRST = ("resize", OWN, True)
AGAIN = ("resize", OWN, False)
DELETE = ("delete", "own", "own")
ASK_U = ("ask", "own", "u")
GROW_U, GROW_V = (("resize", (*OWN, name), True) for name in "uv")
A, B = ("attempt", "own", "a"), ("attempt", "own", "b")

SCENARIOS = {
    "upload": Scenario(World(), (("upload", "own"),), faults=2),
    "upload, sweep": Scenario(World(), (("upload", "own"), ("sweep",)), deliveries=1),
    "resize twice": Scenario(QUEUED, (FIRST, AGAIN), faults=2),
    "resize, sweep": Scenario(QUEUED, (FIRST, ("sweep",))),
    "resize, delete": Scenario(QUEUED, (FIRST, DELETE), faults=2, deliveries=0),
    "resize, delete, day": Scenario(QUEUED, (FIRST, DELETE, ("sweep",)), 0, 0, days=1),
    "resize twice, delete": Scenario(QUEUED, (FIRST, AGAIN, DELETE), deliveries=0),
    "delete twice": Scenario(DONE, (DELETE, DELETE), faults=2),
    "delete, sweep": Scenario(DONE, (DELETE, ("sweep",)), days=1),
    "half deleted": Scenario(HALF_DELETED, (FIRST, ("sweep",), ("sweep",)), 0, 0, days=1),
    "deleted again": Scenario(HALF_DELETED, (FIRST, DELETE, ("sweep",)), 0, 0, days=1),
    "told again": Scenario(UNTOLD, (FIRST,), faults=1),
    "given up": Scenario(GAVE_UP, (FIRST, DELETE), deliveries=0),
    "giving up": Scenario(QUEUED, (FIRST, ("bury", OWN)), deliveries=1),
    "giving up, delete": Scenario(QUEUED, (FIRST, ("bury", OWN), DELETE), deliveries=0),
    "dropping": Scenario(UNTOLD, (("drop", "own"), FIRST)),
    "dropping, delete": Scenario(DONE, (("drop", "own"), DELETE)),
    "growing": Scenario(DONE, (ASK_U, DELETE)),
    "growing twice": Scenario(ASKED, (GROW_U, GROW_V), deliveries=0),
    "growing, sweep": Scenario(ASKED_U, (GROW_U, ("sweep",)), deliveries=1),
    "growing, delete": Scenario(ASKED_U, (GROW_U, DELETE), deliveries=0),
    "growing, delete, day": Scenario(ASKED_U, (GROW_U, DELETE, ("sweep",)), 0, 0, days=1),
    "growing, dropping": Scenario(ASKED_U, (GROW_U, ("drop", "own")), faults=1),
    "growing first": Scenario(QUEUED, (ASK_U, FIRST), deliveries=1),
    "growing what was given up": Scenario(GAVE_UP_ASKED, (GROW_U, AGAIN), deliveries=0),
    "asking twice, lost": Scenario(DONE, (ASK_U, ASK_U, ("lose", *OWN, "u")), deliveries=0),
    "growing, lost": Scenario(ASKED_U, (GROW_U, ("lose", *OWN, "u")), deliveries=0),
    "asking, lost": Scenario(DONE, (ASK_U, ("lose", *OWN, "u")), deliveries=1),
    "burying a wish": Scenario(ASKED, (("bury", (*OWN, "u")), GROW_V), faults=1, deliveries=0),
    "attempts": Scenario(World(), (A, B), deliveries=1),
    "attempts, delete": Scenario(QUEUED._replace(queue=frozenset()), (A, B, DELETE), faults=0),
    "late attempt": Scenario(QUEUED, (A, DELETE, ("sweep",)), 0, 0, days=1),
    "brought, replaced": Scenario(BROUGHT, (("writer", "in/a", True),), faults=1, deliveries=2),
    "brought, deleted": Scenario(
        BROUGHT, (("resize", IN, True), ("writer", "in/a", False), ("resize", IN, False)), 0, 0
    ),
    "brought, replaced, twice": Scenario(
        BROUGHT, (("resize", IN, True), ("writer", "in/a", True), ("resize", IN, False)), 0, 0
    ),
    "brought, sweep": Scenario(BROUGHT, (("resize", IN, True), ("sweep",)), deliveries=0),
    "brought, glance": Scenario(BROUGHT, (("resize", IN, True), ("sweep", True)), deliveries=0),
    "brought, glance, day": Scenario(
        BROUGHT, (("resize", IN, True), ("writer", "in/a", True), ("sweep", True)), 0, 0, days=1
    ),
    "glance, sweep": Scenario(QUEUED, (("sweep", True), ("sweep",), DELETE), 0, 1),
    "brought, delete": Scenario(
        BROUGHT, (("resize", IN, True), ("delete", IN_ID, "in/a"), ("writer", "in/a", True)), 0, 0
    ),
    "key": Scenario(
        World(), (("request", "a"), ("lifecycle", "claim"), ("request", "b"), ("request", "c"))
    ),
}


def always(world):
    """Return what is wrong in a state, whatever happens next."""
    for id, manifest in world.manifests:
        if manifest.state == "done":
            kept = {thumb.thumb for thumb in world.thumbs_of(id)}
            if not kept >= set(manifest.thumbs):
                return f"{id} is done, and thumbnails are missing"
    for fact, id in world.told:
        if fact == "gone" and world.is_known(id):
            return f"{id} was deleted, and is back"
        if fact == "answered 202" and ("stored again", id) in world.told:
            return f"attempt {id} was accepted after the upload was deleted"
        if fact == "answered":
            mine, _, told = id.partition(" with ")
            if mine != told:
                return f"the request of {mine} was answered with the upload {told}"
    return None


def at_the_end(world):
    """Return what is wrong once everything has been delivered and swept."""
    gone = {id for fact, id in world.told if fact == "gone"}
    named = set()
    for id, manifest in world.manifests:
        if manifest.state == "deleted":
            return f"the tombstone of {id} stays"
        named |= {(id, thumb) for thumb in manifest.thumbs}
    for thumb in world.thumbs:
        if (thumb.id, thumb.thumb) not in named:
            return f"{thumb} stays, and nothing names it"
    for name, generation in world.originals:
        manifest = world.manifest(id_of(name, generation))
        if manifest is None or manifest.dropped or manifest.generation != generation:
            return f"the original {name} {generation} stays, and nothing names it"
    for fact, id in world.told:
        if fact != "accepted" or id in gone or ("deleting", id) in world.told:
            continue
        manifest = world.manifest(id)
        if manifest is None:
            return f"{id} was accepted, and is lost"
        if not {event for event in world.events if event[0] == id}:
            return f"{id} has ended, and no event says so"
    return _broken_promise(world, gone)


def _broken_promise(world, gone):
    """Return what was promised to somebody who asked for a thumbnail, and was not made."""
    for fact, what in world.told:
        id, _, thumb = what.partition("/")
        if fact != "promised" or id in gone or ("deleting", id) in world.told:
            continue
        manifest = world.manifest(id)
        if manifest is None or (thumb not in manifest.thumbs and not manifest.dropped):
            return f"{what} was promised, and is not there"
    return None


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_interleaving_keeps_the_promise(name):
    assert explore(SCENARIOS[name], ALL, always, at_the_end) > 1


BREAKS = {
    "conditional": "brought, deleted",
    "final": "upload, sweep",
    "tombstone first": "resize, delete",
    "taking back deletes": "upload, sweep",
    "sweep finishes": "dropping, delete",
    "tombstones stay": "upload, sweep",
    "tombstones renew": "deleted again",
    "told again": "told again",
    "gave-up is replaced": "given up",
    "missing is deleted": "brought, deleted",
    "dropped is noted": "dropping",
    "alive is spared": "brought, sweep",
    "unnamed is old": "growing, sweep",
    "unnamed is swept": "growing, dropping",
    "growing merges": "growing twice",
    "wishes are kept": "asking, lost",
    "wishes are swept": "asking, lost",
    "wishes are renewed": "asking twice, lost",
    "wishes stay": "growing, lost",
    "late resizes nothing": "deleted again",
    "late deletes nothing": "deleted again",
    "late uploads nothing": "late attempt",
    "old claims rest": "late attempt",
    "takeover looks": "attempts, delete",
    "bound answer": "key",
}
"""A scenario that fails without a rule; others may, too."""


@pytest.mark.parametrize("rule", RULES)
def test_without_a_rule_some_interleaving_breaks_the_promise(rule):
    scenario = SCENARIOS[BREAKS[rule]]
    with pytest.raises(Broken):
        explore(scenario, ALL - {rule}, always, at_the_end)
