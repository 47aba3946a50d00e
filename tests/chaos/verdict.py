"""Checks the result of every upload from outside: over HTTP, and in the buckets."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests

from emulator.project import bucket_name
from tests.chaos.cloud import ShakenCloud
from tests.chaos.load import ON_DEMAND, Hostile, Record

SIZES = ("48", "160")


@dataclass
class Verdict:
    """The uploads that went wrong, and some counts.

    Attributes:
        lost: accepted, but unknown.
        stuck: accepted, but never ended.
        wrong: failed, or with different thumbnails; for a hostile picture, another failure code.
        undead: deleted, but not completely.
        orphans: blobs that belong to no upload.
        double: requests with an `Idempotency-Key` that became more than one upload.
        forgotten: thumbnails that were promised later, but are missing or have other bytes.
        mixed: other metadata in the status than was sent.
        unheard: no event with the metadata that was sent and with all thumbnails.
        kept: originals of attempts that were answered with an error, but could not be removed. They
            are allowed if they are processed.
        swept: jobs that sweeps published again.
        harmless: hostile pictures that failed as expected.
        grown: further thumbnails that were promised and made.
        tombstones: uploads that were deleted or taken back, and of which nothing else is left.
    """

    lost: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    undead: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    double: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    unheard: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    swept: int = 0
    harmless: int = 0
    grown: int = 0
    tombstones: int = 0

    @property
    def is_good(self) -> bool:
        """Whether the promise was kept."""
        failures = (self.lost, self.stuck, self.wrong, self.undead, self.orphans, self.double)
        return not any((*failures, self.forgotten, self.mixed, self.unheard))


def thumbnails(url: str, id: str, names: Iterable[str] = SIZES) -> dict[str, bytes]:
    """Return the thumbnails of a finished upload."""
    return {name: requests.get(f"{url}/{id}/{name}", timeout=60).content for name in names}


def settle(cloud: ShakenCloud, seconds: float) -> int:
    """Sweep until each original has its manifest, each wish is fulfilled, and no leftover is there.

    Args:
        cloud: after the storm.
        seconds: how long to wait for a further manifest; on a busy machine all together take long.

    Returns:
        How many jobs the sweeps published again.
    """
    published = _sweep_until_all_have_ended(cloud, seconds)
    # Leftovers of crashed attempts are removed when they are old enough.
    time.sleep(cloud.sweep_after + 1)
    # A request that nobody waits for any more may have made a wish meanwhile.
    return published + _sweep_until_all_have_ended(cloud, seconds)


def _sweep_until_all_have_ended(cloud: ShakenCloud, seconds: float) -> int:
    end = time.monotonic() + seconds
    published, fewest = 0, sys.maxsize
    while time.monotonic() < end:
        published += _sweep(cloud, end)
        left = len(_unended(cloud))
        if not left:
            break
        if left < fewest:
            fewest, end = left, time.monotonic() + seconds
        time.sleep(2)
    return published


def _sweep(cloud: ShakenCloud, end: float) -> int:
    """Sweep both buckets, from the beginning; return how many jobs were published again."""
    start: str | None = ""
    published = 0
    while start is not None and time.monotonic() < end:
        query: dict[str, str | int] = {"start": start, "seconds": 60}
        try:
            answer = requests.post(
                cloud.addresses.functions["sweep"],
                params=query,
                headers=cloud.authorization("sweep"),
                timeout=120,
            )
            answer.raise_for_status()
        except requests.RequestException:
            time.sleep(1)
            continue
        published += answer.json()["published"]
        start = answer.json()["next"]
    return published


def _unended(cloud: ShakenCloud) -> set[str]:
    results = [blob["name"] for blob in blobs(cloud, "processed")]
    ended = {name.partition("/")[0] for name in results if name.endswith("/manifest.json")}
    wishes = {name for name in results if name.endswith(".wish")}
    return {blob["name"] for blob in blobs(cloud, "originals")} - ended | wishes


def blobs(cloud: ShakenCloud, bucket: str) -> Iterator[dict[str, Any]]:
    """List a bucket without the code under test."""
    url = f"{cloud.addresses.storage}/storage/v1/b/{bucket_name(bucket)}/o"
    token = ""
    while True:
        page = requests.get(url, params={"pageToken": token} if token else {}, timeout=60).json()
        yield from page.get("items", [])
        token = page.get("nextPageToken", "")
        if not token:
            return


def judge(
    cloud: ShakenCloud,
    record: Record,
    calm: list[dict[str, bytes]],
    swept: int,
    harm: Sequence[Hostile] = (),
) -> Verdict:
    """Check every upload and every blob."""
    verdict = Verdict(swept=swept)
    url = cloud.addresses.upload
    for id, which in record.accepted.items():
        if id in record.deleted:
            continue
        answer = requests.get(f"{url}/{id}", timeout=30)
        status = answer.json().get("status")
        if answer.status_code == 200 and answer.json().get("metadata") != record.metadata.get(id):
            verdict.mixed.append(id)
        if answer.status_code != 200:
            verdict.lost.append(f"{id} {answer.status_code}")
        elif status == "queued":
            verdict.stuck.append(id)
        elif which >= len(calm):
            code = answer.json().get("error", {}).get("code")
            if code == harm[which - len(calm)].code:
                verdict.harmless += 1
            else:
                verdict.wrong.append(f"{id} {harm[which - len(calm)].name}: {status} {code}")
        elif status != "done":
            verdict.wrong.append(f"{id} {answer.json()['error']}")
        elif thumbnails(url, id).items() - calm[which].items():
            verdict.wrong.append(f"{id} other bytes")
        else:
            _judge_growth(url, id, record, calm[which], verdict)
    _judge_blobs(cloud, record, verdict)
    return verdict


def _judge_growth(
    url: str, id: str, record: Record, calm: Mapping[str, bytes], verdict: Verdict
) -> None:
    """Check the further thumbnails of an upload: in its status, and byte for byte."""
    promised = record.grown.get(id, set())
    named = requests.get(f"{url}/{id}", timeout=30).json()["thumbnails"]
    shown = thumbnails(url, id, (*promised, ON_DEMAND) if promised else ())
    for name, data in shown.items():
        if data != calm[name] or name not in (*named, ON_DEMAND):
            verdict.forgotten.append(f"{id} {name}")
        else:
            verdict.grown += 1


def unheard(
    record: Record, events: Callable[[], Sequence[Mapping[str, Any]]], seconds: float = 60
) -> list[str]:
    """Return the uploads about which the events do not say everything.

    Args:
        record: what the clients observed.
        events: gives those that came so far, in any order.
        seconds: how long to wait for another.
    """
    end, fewest = time.monotonic() + seconds, sys.maxsize
    while True:
        heard: dict[str, set[str]] = {}
        for event in events():
            id = event["id"]
            if event["metadata"] == record.metadata.get(id):
                heard.setdefault(id, set()).update(each["name"] for each in event["thumbnails"])
        missing = [
            id
            for id in record.accepted
            if id not in record.deleted
            and (id not in heard or not heard[id] >= record.grown.get(id, set()))
        ]
        if len(missing) < fewest:
            fewest, end = len(missing), time.monotonic() + seconds
        if not missing or time.monotonic() > end:
            return missing
        time.sleep(1)


def _judge_blobs(cloud: ShakenCloud, record: Record, verdict: Verdict) -> None:
    originals = {blob["name"]: blob for blob in blobs(cloud, "originals")}
    results: dict[str, Counter[str]] = {}
    tombs: set[str] = set()
    for blob in blobs(cloud, "processed"):
        id, _, name = blob["name"].partition("/")
        if id != "sweep":  # the position of the next sweep
            results.setdefault(id, Counter())[name] += 1
        if name == "manifest.json" and blob.get("metadata", {}).get("state") == "deleted":
            tombs.add(id)
    # A tombstone stays for a day, alone.
    at_rest = {id for id in tombs if id not in originals and results[id].total() == 1}
    verdict.tombstones = len(at_rest)
    for id in at_rest:
        del results[id]
    for id in record.deleted:
        if id in originals or id in results:
            verdict.undead.append(id)
    for id, names in results.items():
        if id in tombs and id not in record.deleted:
            verdict.orphans.append(f"{id}: leftovers of an upload that was taken back")
        elif id not in originals and id not in record.deleted:
            verdict.orphans.append(f"{id}: results without original")
        if "manifest.json" not in names:
            verdict.orphans.append(f"{id}: results without manifest")
        if "sweeps.json" in names:
            verdict.orphans.append(f"{id}: a count of sweeps")
        if any(name.endswith(".wish") for name in names):
            verdict.orphans.append(f"{id}: a wish")
    for id, blob in originals.items():
        if id not in results:
            verdict.orphans.append(f"{id}: original without manifest")
        if filename_of(blob) in record.refused:
            verdict.kept.append(id)
    times = Counter(filename_of(blob) for blob in originals.values())
    verdict.double += [name for name in record.keyed if times[name] > 1]


def filename_of(blob: dict[str, Any]) -> str:
    """Return the name under which an original was sent."""
    return str(blob.get("metadata", {}).get("filename", ""))
