"""A walk comes past what cannot be read, over both kinds of bucket."""

import pytest

from quickthumb.documents.names import new_id
from quickthumb.problems import Unavailable
from quickthumb.store import walks
from tests.doubles import MemoryBucket

LETTERS = walks.HEXADECIMAL


@pytest.fixture
def told():
    return []


@pytest.fixture
def walk(bucket, told):
    def walk(prefix="", start="", end="", letters=LETTERS):
        found = walks.walk(bucket, told.append, letters, prefix, start, end)
        return [blob.name for blob in found]

    return walk


@pytest.fixture
def folder_of_ids(bucket):
    """Return the beginning of names behind which there are some ids, and these names in order."""
    prefix = f"{new_id()}/"
    names = sorted(f"{prefix}{new_id()}" for _ in range(40))
    for name in names:
        bucket.write(name, b"1", "text/plain", "no-cache")
    return prefix, names


def test_a_healthy_bucket_has_nothing_to_report(walk, told, folder_of_ids):
    prefix, names = folder_of_ids
    assert walk(prefix) == names
    assert told == []


@pytest.mark.parametrize("bad", [[0], [39], [7, 8, 31]])
def test_all_are_found_but_the_blobs_that_are_damaged(walk, told, folder_of_ids, damage, bad):
    prefix, names = folder_of_ids
    for number in bad:
        damage(names[number])
    assert walk(prefix) == [name for number, name in enumerate(names) if number not in bad]
    assert [unread.name for unread in told] == [f"{names[number]}…" for number in bad]


def test_names_that_share_all_letters_but_the_last_are_told_apart(bucket, walk, told, damage):
    prefix = f"{new_id()}/"
    names = [f"{prefix}{number:032x}" for number in range(4)]
    for name in names:
        bucket.write(name, b"1", "text/plain", "no-cache")
    damage(names[1])
    assert walk(prefix) == [names[0], *names[2:]]
    assert [unread.name for unread in told] == [f"{names[1]}…"]


def test_where_each_failure_takes_long_no_smaller_parts_are_tried(monkeypatch, told):
    bucket = MemoryBucket()
    for number in range(4):
        bucket.write(f"{number:032x}", b"1", "text/plain", "no-cache")
    bucket.write("f" * 32, b"1", "text/plain", "no-cache")
    bucket.damaged.add(f"{1:032x}")
    monkeypatch.setattr(walks, "PATIENCE_SECONDS", 0.0)
    assert not list(walks.walk(bucket, told.append, LETTERS))
    monkeypatch.setattr(walks, "PATIENCE_SECONDS", 60.0)
    found = [blob.name for blob in walks.walk(bucket, told.append, LETTERS)]
    assert found == [f"{0:032x}", f"{2:032x}", f"{3:032x}", "f" * 32]
    assert [unread.name for unread in told] == ["…", f"{1:032x}…"]


def test_a_part_of_the_walk_comes_past_it_too(walk, told, folder_of_ids, damage):
    prefix, names = folder_of_ids
    damage(names[20])
    assert walk(prefix, names[10], names[30]) == [*names[10:20], *names[21:30]]
    assert len(told) == 1


def test_what_lies_beyond_the_walk_is_told_by_nobody(walk, told, folder_of_ids, damage):
    prefix, names = folder_of_ids
    damage(names[39])
    damage(names[0])
    assert walk(prefix, names[1], names[39]) == names[1:39]
    assert told == []


def test_names_of_other_letters_are_found_and_told_of_by_their_whole_names(
    bucket, walk, told, damage
):
    prefix = f"{new_id()}/"
    names = sorted(prefix + name for name in ("a", "a b.jpg", "a b.jpg.txt", "a b", "z/1.png"))
    for name in names:
        bucket.write(name, b"1", "text/plain", "no-cache")
    bad = f"{prefix}a b.jpg"
    damage(bad)
    found = walk(prefix, letters=walks.PRINTABLE)
    assert found == [name for name in names if name != bad]
    assert [unread.name for unread in told] == [f"{bad}…"]


def test_names_of_letters_that_nobody_expects_are_missed_and_that_is_told(
    bucket, walk, told, damage
):
    prefix = f"{new_id()}/"
    for name in ("a", "ä", "b"):
        bucket.write(prefix + name, b"1", "text/plain", "no-cache")
    damage(f"{prefix}ä")
    assert walk(prefix, letters=walks.PRINTABLE) == [f"{prefix}a", f"{prefix}b"]
    assert [unread.name for unread in told] == [f"{prefix}…"]


def test_a_bucket_that_does_not_answer_is_unavailable(broken, told):
    with pytest.raises(Unavailable):
        list(walks.walk(broken, told.append, LETTERS))
    with pytest.raises(Unavailable):
        walks.check(broken)
    assert told == []
