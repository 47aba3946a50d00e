"""Buckets, topics and a clock as values, and the atomic operations on them.

An operation is a tuple: its name and arguments. `apply` returns the next world and the answer.
"""

from typing import NamedTuple

STALE = "stale"
"""The answer to a write by an actor that began on an earlier day, and so is not made."""


class Manifest(NamedTuple):
    """A manifest.

    Attributes:
        state: done, gave-up or deleted.
        name: of the original.
        generation: of the original.
        thumbs: names of the thumbnails.
        dropped: whether the original is deleted since it is no longer needed.
        version: generation of the manifest itself.
        day: when it was written.
    """

    state: str
    name: str
    generation: int
    thumbs: tuple[str, ...] = ()
    dropped: bool = False
    version: int = 0
    day: int = 0


WISH = ".wish"
"""What follows the name of a thumbnail in that of the wish for it."""


class Thumb(NamedTuple):
    """A thumbnail in a listing, or the wish for one; it tells the original it is made of."""

    id: str
    thumb: str
    name: str
    generation: int
    version: int
    day: int


class World(NamedTuple):
    """Everything that outlives a process."""

    originals: frozenset[tuple[str, int]] = frozenset()
    manifests: frozenset[tuple[str, Manifest]] = frozenset()
    thumbs: frozenset[Thumb] = frozenset()
    queue: frozenset[tuple[str | int, ...]] = frozenset()
    events: frozenset[tuple[str, str]] = frozenset()
    told: frozenset[tuple[str, str]] = frozenset()
    claims: frozenset[tuple[str, tuple[str, ...]]] = frozenset()
    next: int = 1
    day: int = 0

    def original(self, name):
        return next((found for kept, found in self.originals if kept == name), None)

    def manifest(self, id):
        return next((found for kept, found in self.manifests if kept == id), None)

    def thumbs_of(self, id):
        return sorted(thumb for thumb in self.thumbs if thumb.id == id)

    def wish(self, id, thumb):
        return next((t for t in self.thumbs if (t.id, t.thumb) == (id, thumb + WISH)), None)

    def is_known(self, id):
        """Return whether a client that asks for an id gets a status."""
        manifest = self.manifest(id)
        if manifest:
            return manifest.state != "deleted"
        return self.original(id) is not None


def id_of(name, generation):
    """Return the id of an original; every version of a blob below in/ is another upload."""
    return f"{name}#{generation}" if name.startswith("in/") else name


def apply(world, operation):
    kind, *arguments = operation
    return _OPERATIONS[kind](world, *arguments)


def _late(world, since):
    return since is not None and world.day > since


def _store(world, name):
    others = {pair for pair in world.originals if pair[0] != name}
    made = world._replace(originals=frozenset({*others, (name, world.next)}), next=world.next + 1)
    if name.startswith("in/"):  # Cloud Storage notifies
        made = made._replace(queue=made.queue | {(name, world.next)})
    return made, world.next


def _create(world, name, since, who):
    """Store an original if there is none; note if `who` does so behind a tombstone."""
    if _late(world, since):
        return world, STALE
    if world.original(name):
        return world, None
    manifest = world.manifest(name)
    if who and manifest and manifest.state == "deleted":
        world = world._replace(told=world.told | {("stored again", who)})
    return _store(world, name)


def _delete(world, name, generation, since):
    if _late(world, since):
        return world, STALE
    found = world.original(name)
    if found is None or generation not in (None, found):
        return world, False
    return world._replace(originals=world.originals - {(name, found)}), True


def _get(world, name, generation):
    found = world.original(name)
    return world, found if generation in (None, found) else None


def _put(world, id, over, manifest, since):
    """Write a manifest over a version of it, 0 for none, None for whatever there is."""
    if _late(world, since):
        return world, STALE
    kept = world.manifest(id)
    if over is not None and over != (kept.version if kept else 0):
        return world, False
    written = manifest._replace(version=world.next, day=world.day)
    others = {pair for pair in world.manifests if pair[0] != id}
    manifests = frozenset({*others, (id, written)})
    return world._replace(manifests=manifests, next=world.next + 1), True


def _forget(world, id, version):
    kept = world.manifest(id)
    if kept is None or version not in (None, kept.version):
        return world, False
    return world._replace(manifests=world.manifests - {(id, kept)}), True


def _draw(world, id, thumb, name, generation, since):
    if _late(world, since):
        return world, STALE
    others = {kept for kept in world.thumbs if (kept.id, kept.thumb) != (id, thumb)}
    drawn = Thumb(id, thumb, name, generation, world.next, world.day)
    return world._replace(thumbs=frozenset({*others, drawn}), next=world.next + 1), True


def _wish(world, id, thumb, name, generation, over, since):
    """Write a wish over a version of it, 0 for none; return its version, or False."""
    if _late(world, since):
        return world, STALE
    kept = world.wish(id, thumb)
    if over != (kept.version if kept else 0):
        return world, False
    return _draw(world, id, thumb + WISH, name, generation, since)[0], world.next


def _erase(world, id, thumb, version):
    kept = {
        found
        for found in world.thumbs
        if (found.id, found.thumb) == (id, thumb) and version in (None, found.version)
    }
    return world._replace(thumbs=world.thumbs - kept), bool(kept)


def _claim(world, part, ids):
    """Create a part of the record of an idempotency key; return the one that there is then."""
    for name, found in world.claims:
        if name == part:
            return world, found
    return world._replace(claims=world.claims | {(part, ids)}), ids


def _part(world, part):
    return world, next((ids for name, ids in world.claims if name == part), None)


def _expire(world, part):
    return world._replace(claims=frozenset(c for c in world.claims if c[0] != part)), True


_OPERATIONS = {
    "now": lambda world: (world, world.day),
    "create": _create,
    "overwrite": _store,
    "get": _get,
    "delete": _delete,
    "read": lambda world, id: (world, world.manifest(id)),
    "put": _put,
    "forget": _forget,
    "draw": _draw,
    "list": lambda world, id: (world, tuple(world.thumbs_of(id))),
    "erase": _erase,
    "wish": _wish,
    "wished": lambda world, id, thumb: (world, world.wish(id, thumb)),
    "originals": lambda world: (world, tuple(sorted(world.originals))),
    "results": lambda world: (world, (tuple(sorted(world.manifests)), tuple(sorted(world.thumbs)))),
    "publish": lambda world, *job: (world._replace(queue=world.queue | {job}), True),
    "ack": lambda world, *job: (world._replace(queue=world.queue - {job}), True),
    "event": lambda world, *event: (world._replace(events=world.events | {event}), True),
    "tell": lambda world, *fact: (world._replace(told=world.told | {fact}), True),
    "claim": _claim,
    "part": _part,
    "expire": _expire,
}
