"""The protocol: what each function does, operation by operation, and the rules it obeys.

Without some rule, an actor does what is plain instead.
"""

from tests.model.world import STALE, WISH, Manifest, id_of

RULES = {
    "conditional": "a manifest is written under a condition, never over what was not read",
    "final": "`deleted` is final, whatever the generation of the original",
    "tombstone first": "DELETE writes a tombstone before it deletes anything",
    "taking back deletes": "taking back an upload that was not accepted is DELETE",
    "sweep finishes": "a sweep finishes the tombstones it meets",
    "tombstones stay": "a tombstone goes when it is over a day old and nothing else is left",
    "tombstones renew": "an original found behind a tombstone makes the tombstone young again",
    "told again": "a delivery that finds its job ended publishes the event again",
    "gave-up is replaced": "`gave-up` is replaced when the job succeeds after all",
    "missing is deleted": "a missing original gets a tombstone before its thumbnails are deleted",
    "dropped is noted": "that an original is dropped is in its manifest before it is deleted",
    "alive is spared": "a sweep deletes no results of an original that lives, whatever its name",
    "unnamed is old": "thumbnails that no manifest names are deleted when they are a day old",
    "unnamed is swept": "thumbnails that no manifest names are deleted at all",
    "growing merges": "a manifest grows by compare-and-swap, and only while it is done",
    "wishes are kept": "a wish for a thumbnail is written before its job is published",
    "wishes are swept": "a sweep publishes the wishes that it finds",
    "wishes are renewed": "who finds a wish writes it again, and taking back spares what is newer",
    "wishes stay": "a wish is deleted only when the manifest names its thumbnail",
    "late resizes nothing": "`resize` writes nothing later than a tombstone lives",
    "late deletes nothing": "DELETE deletes no original later than its tombstone lives",
    "late uploads nothing": "an attempt creates no original later than a tombstone lives",
    "old claims rest": "a claim is not taken over when it is as old as a tombstone can be",
    "takeover looks": "an attempt that may not be the only one looks for a tombstone, then answers",
    "bound answer": "the answer to an idempotency key is bound to the ids of its claim",
}


class Unavailable(Exception):
    """A call failed, perhaps after it was carried out."""


def upload(rules, id):
    """Accept an upload; its id is known to nobody else."""
    try:
        generation = yield "create", id, None, None
        if generation is None:
            generation = yield "get", id, None
        if generation is None:
            raise Unavailable
        yield "publish", id, generation
    except Unavailable:
        if "taking back deletes" in rules:
            since = yield ("now",)
            yield from _entomb(rules, id, Manifest("deleted", id, 0), since)
        else:
            yield "delete", id, None, None
        yield "tell", "gone", id
        return
    yield "tell", "accepted", id


def attempt(rules, id, who):
    """Accept an upload with an idempotency key that was claimed on day 0, as one of several."""
    since = yield ("now",)
    if since > 0 and "old claims rest" in rules:
        return
    late = since if "late uploads nothing" in rules else None
    generation = yield "create", id, late, who
    if generation == STALE:
        return
    if generation is None:
        generation = yield "get", id, None
    if generation is None:
        raise Unavailable
    if "takeover looks" in rules:
        kept = yield "read", id
        if kept and kept.state == "deleted":
            yield from _finish(rules, id, kept, since)
            return
    yield "publish", id, generation
    yield "tell", "accepted", id
    yield "tell", "answered 202", who


def request(rules, client):
    """Process a request with one key as one of several clients that send it."""
    mine = (client,)
    ids = yield "claim", "claim", mine
    if ids != mine:
        answer = yield "part", "answer"
        if answer and ("bound answer" not in rules or answer == ids):
            yield "tell", "answered", f"{ids[0]} with {answer[0]}"
            return
    yield "claim", "answer", ids
    yield "tell", "answered", f"{ids[0]} with {ids[0]}"


def lifecycle(rules, part):
    """Delete a part of the record of a key."""
    yield "expire", part


def resize(rules, job, first):
    """Do a job; `first` unless the message says that it was delivered before."""
    name, generation, *more = job
    id = id_of(name, generation)
    since = yield ("now",)
    late = since if "late resizes nothing" in rules else None
    if more:
        yield from _grow(rules, id, job, late)
        return
    kept = None
    if not first:
        kept = yield "read", id
    if kept is None or _yields(rules, kept, generation):
        original = yield "get", name, generation
        if original is None:
            kept = yield from _missing(rules, id, name, generation)
        else:
            for thumb in ("t",):
                if (yield "draw", id, thumb, name, generation, late) == STALE:
                    return
            done = Manifest("done", name, generation, ("t",))
            if "conditional" not in rules:
                yield "put", id, None, done, late
                kept = done
            else:
                kept = yield from _commit(rules, id, done, late, kept)
                if kept == STALE:
                    return
    if kept and kept.state == "deleted":
        yield from _clear(id)  # soon; a sweep would find them too
    elif kept and kept.generation == generation and kept.state == "done":
        yield "event", id, kept.state
    yield "ack", name, generation


def _yields(rules, kept, generation):
    """Return whether a manifest is to be replaced by that of a job that is done."""
    if kept.state == "deleted":
        return "final" not in rules and kept.generation < generation
    if kept.state == "gave-up":
        return "gave-up is replaced" in rules
    return kept.generation < generation


def _commit(rules, id, done, late, kept):
    over = kept.version if kept else 0
    while True:
        written = yield "put", id, over, done, late
        if written == STALE:
            return STALE
        if written is True:
            return done
        kept = yield "read", id
        if kept and not _yields(rules, kept, done.generation):
            return kept if "told again" in rules or kept.state == "deleted" else None
        over = kept.version if kept else 0


def _missing(rules, id, name, generation):
    """The original of a job is missing: return what its manifest says then."""
    while True:
        kept = yield "read", id
        if kept and (kept.state == "deleted" or kept.dropped):
            return kept
        if kept and (yield "get", name, None):
            return kept  # replaced by another upload
        tombstone = Manifest("deleted", name, generation)
        if "missing is deleted" not in rules:
            yield from _clear(id)
            if kept:
                yield "forget", id, None
            return None
        if (yield "put", id, kept.version if kept else 0, tombstone, None) is True:
            return tombstone


def delete(rules, id, name):
    """DELETE by a user, who has the id."""
    yield "tell", "deleting", id
    since = yield ("now",)
    if "tombstone first" not in rules:
        yield "delete", name, None, None
        yield from _clear(id)
        yield "forget", id, None
        yield "tell", "gone", id
        return
    kept = yield "read", id
    if kept is None:
        generation = yield "get", name, None
        if generation is None or id_of(name, generation) != id:
            return  # 404
        tombstone = Manifest("deleted", name, generation)
    else:
        tombstone = Manifest("deleted", kept.name, kept.generation)
        if kept.state == "deleted":
            yield from _finish_again(rules, id, kept, since)
            yield "tell", "gone", id
            return
    yield from _entomb(rules, id, tombstone, since, kept)
    yield "tell", "gone", id


def _entomb(rules, id, tombstone, since, kept=None):
    """Write a tombstone, and finish it."""
    while kept is None or kept.state != "deleted":
        if (yield "put", id, kept.version if kept else 0, tombstone, None) is True:
            break
        kept = yield "read", id
    yield from _finish(rules, id, tombstone, since)


def _finish(rules, id, tombstone, since):
    """Delete what a tombstone stands for."""
    generation = None if id == tombstone.name else tombstone.generation
    late = since if "late deletes nothing" in rules else None
    if (yield "delete", tombstone.name, generation, late) == STALE:
        raise Unavailable
    yield from _clear(id)


def _clear(id):
    for thumb in (yield "list", id):
        yield "erase", id, thumb.thumb, None


def bury(rules, job):
    """Give a job up."""
    name, generation, *more = job
    id = id_of(name, generation)
    if more:  # noted in its wish, which a sweep finds
        yield "ack", *job
        return
    if (yield "get", name, generation) is None:
        yield from _missing(rules, id, name, generation)
        return
    ended = Manifest("gave-up", name, generation)
    if (yield "put", id, 0, ended, None) is not True:
        ended = yield "read", id
    if ended and ended.state != "deleted":
        yield "event", id, ended.state
    yield "ack", name, generation


def ask(rules, id, thumb):
    """Ask for a further thumbnail of an upload."""
    since = yield ("now",)
    kept = yield "read", id
    if kept and kept.state != "done":
        return
    name = kept.name if kept else id
    generation = yield "get", name, kept.generation if kept else None
    if generation is None:
        return
    mine = None
    if "wishes are kept" in rules:
        mine = yield from _renew(rules, id, thumb, name, generation, since)
        if mine == STALE:
            return
    try:
        yield "publish", name, generation, thumb
    except Unavailable:
        if mine:
            version = mine if "wishes are renewed" in rules else None
            yield "erase", id, thumb + WISH, version
        return
    yield "tell", "promised", f"{id}/{thumb}"


def _renew(rules, id, thumb, name, generation, since):
    """Write a wish, over what there may be; return its version if it is new."""
    while True:
        written = yield "wish", id, thumb, name, generation, 0, since
        if written:
            return written
        found = yield "wished", id, thumb
        if found and "wishes are renewed" not in rules:
            return None
        if found:
            written = yield "wish", id, thumb, name, generation, found.version, since
            if written:
                return STALE if written == STALE else None


def lose(rules, *job):
    """Pub/Sub loses a message, or it expires."""
    yield "ack", *job


def _grow(rules, id, job, late):
    """Do the job of a wish."""
    name, generation, thumb = job
    while True:  # the first job of the upload comes first
        kept = yield "read", id
        if kept and not _yields(rules, kept, generation):
            break
        if (yield "get", name, generation) is None:
            yield from _fail(id, job)
            return
        if (yield "draw", id, "t", name, generation, late) == STALE:
            return
        first = Manifest("done", name, generation, ("t",))
        if (yield from _commit(rules, id, first, late, kept)) == STALE:
            return
    if kept.state == "done" and thumb not in kept.thumbs:
        if (yield "get", name, generation) is None:
            yield from _fail(id, job)
            return
        if "wishes stay" not in rules:
            yield "erase", id, thumb + WISH, None
        if (yield "draw", id, thumb, name, generation, late) == STALE:
            return
        kept = yield from _add(rules, id, thumb, kept, late)
        if kept == STALE:
            return
    if kept.state == "deleted":
        yield from _clear(id)
    else:
        yield "event", id, kept.state
        yield "erase", id, thumb + WISH, None
    yield "ack", *job


def _fail(id, job):
    """Note in a wish that it cannot be fulfilled; here it is deleted."""
    *_, thumb = job
    found = yield "wished", id, thumb
    if found and (yield "erase", id, thumb + WISH, found.version):
        yield "tell", "failed", f"{id}/{thumb}"
    yield "ack", *job


def _add(rules, id, thumb, kept, late):
    """Add a thumbnail to a manifest."""
    while True:
        grown = kept._replace(thumbs=tuple(sorted({*kept.thumbs, thumb})))
        if grown == kept:
            return kept
        over = kept.version if "growing merges" in rules else None
        written = yield "put", id, over, grown, late
        if written == STALE:
            return STALE
        if written is True:
            return grown
        kept = yield "read", id
        if kept is None:
            return STALE  # to be redelivered
        if kept.state == "deleted":
            return kept


def drop(rules, id):
    """Drop the original of a finished job."""
    kept = yield "read", id
    if not kept or kept.state != "done":
        return
    if "dropped is noted" in rules:
        noted = kept._replace(dropped=True)
        if (yield "put", id, kept.version, noted, None) is not True:
            return
    yield "delete", kept.name, kept.generation, None


def writer(rules, name, again):
    """Another program: delete a blob, and write it again or not."""
    yield "delete", name, None, None
    if again:
        yield "overwrite", name


def sweep(rules, glance=False):
    """Look at everything once; at a glance, leave out originals that are not named by ids."""
    today = yield ("now",)
    originals = yield ("originals",)
    if glance:
        originals = [each for each in originals if each[0] == id_of(*each)]
    manifests, thumbs = yield ("results",)
    kept = dict(manifests)
    alive = set()
    for name, generation in originals:
        id = id_of(name, generation)
        if name == id:  # others have no name in common with their results
            alive.add(id)
        manifest = kept.get(id)
        if manifest and manifest.state == "deleted":
            if "sweep finishes" in rules:
                yield from _finish_again(rules, id, manifest._replace(name=name), today)
        elif manifest is None or manifest.state == "gave-up":
            yield "publish", name, generation
        elif manifest.dropped:
            yield "delete", name, generation, None
    for id in sorted({*kept, *(thumb.id for thumb in thumbs)} - alive):
        mine = [thumb for thumb in thumbs if thumb.id == id]
        manifest = kept.get(id)
        if manifest is None:
            yield from _orphans(rules, id, mine[0])
        elif manifest.state == "deleted":
            yield from _expire(rules, id, manifest, today)
    for wish in [thumb for thumb in thumbs if thumb.thumb.endswith(WISH)]:
        manifest = kept.get(wish.id)
        if "wishes are swept" in rules and manifest and manifest.state == "done":
            yield "publish", wish.name, wish.generation, wish.thumb.removesuffix(WISH)
    if "unnamed is swept" in rules:
        for thumb in thumbs:
            if thumb.thumb.endswith(WISH):
                continue
            manifest = kept.get(thumb.id)
            old = thumb.day < today or "unnamed is old" not in rules
            unnamed = manifest and manifest.state == "done" and thumb.thumb not in manifest.thumbs
            if unnamed and old:
                yield "erase", thumb.id, thumb.thumb, thumb.version


def _orphans(rules, id, thumb):
    """Delete thumbnails without a manifest whose original is not among the listed."""
    if "alive is spared" not in rules:
        yield from _clear(id)
        return
    if (yield "get", thumb.name, thumb.generation) is not None:
        return
    tombstone = Manifest("deleted", thumb.name, thumb.generation)
    if (yield "put", id, 0, tombstone, None) is True:
        yield from _clear(id)


def _finish_again(rules, id, tombstone, today):
    """Finish a tombstone that was found."""
    generation = None if id == tombstone.name else tombstone.generation
    original = yield "get", tombstone.name, generation
    if original and "tombstones renew" in rules:
        renewed = yield "put", id, tombstone.version, tombstone, None
        if renewed is not True:
            return
    yield from _finish(rules, id, tombstone, today)


def _expire(rules, id, tombstone, today):
    """Finish a tombstone whose original is gone, or remove it."""
    if "sweep finishes" in rules and (yield "list", id):
        yield from _clear(id)
        return
    if "tombstones stay" in rules:
        generation = None if id == tombstone.name else tombstone.generation
        original = yield "get", tombstone.name, generation
        if original or tombstone.day >= today:
            return
    yield "forget", id, tombstone.version
