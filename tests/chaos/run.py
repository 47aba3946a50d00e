"""One run: a calm beginning, a storm, and the verdict."""

import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import requests

from emulator.console import Console
from emulator.parts.pubsub import Broker
from tests.chaos.cloud import Disk, ShakenCloud, impatient
from tests.chaos.load import MORE, ON_DEMAND, Load, gallery, hostile
from tests.chaos.schedule import Hand, plan
from tests.chaos.verdict import SIZES, Verdict, judge, settle, thumbnails

_DISK = 1024  # MB, more than a long run needs


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened in a run."""

    seed: int
    broker: Broker
    verdict: Verdict
    answers: Counter[str]
    deleted: int
    blows: Counter[str]
    delayed: int
    doubled: int
    bounded_disk: bool
    seconds: float

    def table(self) -> str:
        """Format the outcome as a table."""
        kills = sum(count for blow, count in self.blows.items() if blow.startswith("kill"))
        verdict = self.verdict
        rows = [
            ("broker", self.broker),
            ("seed", self.seed),
            ("uploads accepted (202)", self.answers["202"]),
            *((f"answers {status}", n) for status, n in sorted(self.answers.items())),
            ("kills", kills),
            *((blow, count) for blow, count in sorted(self.blows.items())),
            ("deliveries delayed", self.delayed),
            ("deliveries doubled", self.doubled),
            ("deleted during the run", self.deleted),
            ("tombstones", verdict.tombstones),
            ("published again by sweeps", verdict.swept),
            ("originals of rejected uploads, processed", len(verdict.kept)),
            ("failed with their own codes", verdict.harmless),
            ("further thumbnails, promised and made", verdict.grown),
            ("lost", len(verdict.lost)),
            ("stuck", len(verdict.stuck)),
            ("wrong", len(verdict.wrong)),
            ("further thumbnails that are missing", len(verdict.forgotten)),
            ("deleted but still there", len(verdict.undead)),
            ("orphans", len(verdict.orphans)),
            ("duplicated despite a key", len(verdict.double)),
            ("seconds", f"{self.seconds:.0f}"),
        ]
        if not self.bounded_disk:
            rows.append(("disk", "not filled: that needs root, for a file system of its own"))
        return "\n".join(f"| {name:36} | {value!s:>10} |" for name, value in rows)


def storm(
    seed: int,
    uploads: int,
    kills: int,
    broker: Broker,
    *,
    log: Path,
    sweep_after: int = 15,
    settle_seconds: float = 300,
) -> Outcome:
    """Run a cloud under load with the faults of a seed, and judge the result."""
    started = time.monotonic()
    pictures, harm = gallery(seed), hostile()
    with tempfile.TemporaryDirectory(prefix="quickthumb-chaos-") as folder, log.open("w") as out:
        disk = Disk(Path(folder) / "data", _DISK)
        try:
            console = Console(verbose=False, out=out)
            topology = impatient(max_delivery_attempts=50)
            with ShakenCloud(
                topology, disk.folder, console, broker, seed=seed, sweep_after=sweep_after
            ) as cloud:
                url, query = cloud.addresses.upload, f"?sizes={','.join(SIZES)}"
                calm = [_calm(url, query, *picture) for picture in pictures]
                load = Load(url, query, pictures, harm, uploads, seed)
                hand = Hand(cloud, disk, load, plan(seed, kills, bounded_disk=disk.is_bounded))
                _together(load, hand)
                swept = settle(cloud, settle_seconds)
                verdict = judge(cloud, load.record, calm, swept, harm)
                relay = cloud.relay
        finally:
            disk.unmount()
    return Outcome(
        seed,
        broker,
        verdict,
        load.record.counts,
        len(load.record.deleted),
        hand.dealt,
        relay.delayed,
        relay.doubled,
        disk.is_bounded,
        time.monotonic() - started,
    )


def _calm(url: str, query: str, name: str, data: bytes) -> dict[str, bytes]:
    """Return the thumbnails of a picture without faults."""
    answer = requests.post(f"{url}/{query}", files={"file": (name, data)}, timeout=60)
    id = answer.json()["id"]
    state = requests.get(f"{url}/{id}", params={"wait": 30}, timeout=60).json()
    assert state["status"] == "done", state
    for more in MORE.values():
        assert requests.post(f"{url}/{id}{more}", timeout=60).status_code == 202
    further = {name: f"{name}?wait=30" for name in MORE} | {ON_DEMAND: ON_DEMAND}
    shown = thumbnails(url, id, further.values())
    return thumbnails(url, id) | {name: shown[address] for name, address in further.items()}


def _together(load: Load, hand: Hand) -> None:
    over = threading.Event()
    failures: list[BaseException] = []

    def deal() -> None:
        try:
            hand.run(over.is_set)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=deal)
    thread.start()
    try:
        load.run()
    finally:
        over.set()
        thread.join()
    if failures:
        raise failures[0]
