"""Clients that upload pictures, retry when told to, and sometimes delete their uploads.

One of twenty uploads is a picture that attacks its decoder. Of every other of the rest, clients ask
for further thumbnails.
"""

import io
import itertools
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

import requests
from PIL import Image

from bench.hostile_files import attack
from quickthumb.problems import DecoderCrashed, TooManyPixels, TooSlow
from tests.chaos.site.deadly_cook import CRASHES, HANGS
from tests.pictures import picture

MORE = {"96": "?sizes=96", "72-cover": "?sizes=72&fit=cover"}
"""Thumbnails that are asked for later, by name, and how."""

ON_DEMAND = "64x40.webp?fit=cover"
"""The address of a thumbnail that is made on demand; see `cloud`."""

_TIMEOUT = 60.0  # seconds
_PATIENCE = 300.0


def gallery(seed: int) -> list[tuple[str, bytes]]:
    """Return some small pictures of several formats, names and bytes."""
    chance = random.Random(seed)
    pictures = []
    for number, format in enumerate(("JPEG", "PNG", "WEBP", "GIF", "JPEG", "PNG")):
        noise = Image.frombytes("RGB", (60, 45), chance.randbytes(60 * 45 * 3))
        size = (chance.randint(300, 700), chance.randint(200, 500))
        out = io.BytesIO()
        noise.resize(size, Image.Resampling.BICUBIC).save(out, format)
        pictures.append((f"{number}.{format.lower()}", out.getvalue()))
    return pictures


@dataclass(frozen=True, slots=True)
class Hostile:
    """A picture that attacks its decoder.

    Attributes:
        name: of its file.
        data: its bytes.
        code: expected failure code of its job.
    """

    name: str
    data: bytes
    code: str


def hostile() -> list[Hostile]:
    """Return pictures that crash their decoder, make it hang, or exhaust its memory."""
    return [
        Hostile("crashes.jpg", picture() + CRASHES, DecoderCrashed.code),
        Hostile("hangs.jpg", picture() + HANGS, TooSlow.code),
        Hostile("frames.webp", attack("WebP of 100,000 frames"), TooManyPixels.code),
    ]


@dataclass
class Record:
    """What the clients observed.

    Attributes:
        accepted: ids of accepted uploads, with the number of the picture; hostile ones come last.
        grown: names of further thumbnails that were promised, by upload.
        deleted: ids of uploads whose deletion was confirmed.
        refused: file names of attempts with any other response.
        keyed: file names of uploads with an `Idempotency-Key`, the same in every attempt.
        counts: number of responses by status; "none" for no response.
    """

    accepted: dict[str, int] = field(default_factory=dict)
    grown: dict[str, set[str]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    keyed: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Load:
    """Uploads pictures, each until it is accepted.

    Args:
        url: of `upload`.
        query: for uploads.
        pictures: from `gallery`.
        harm: from `hostile`.
        uploads: number of uploads.
        seed: for the order of pictures, and for deletions.
    """

    def __init__(
        self,
        url: str,
        query: str,
        pictures: list[tuple[str, bytes]],
        harm: list[Hostile],
        uploads: int,
        seed: int,
    ) -> None:
        self._url = url
        self._query = query
        self._harmless = len(pictures)
        self._pictures = [*pictures, *((each.name, each.data) for each in harm)]
        self._uploads = uploads
        self._seed = seed
        self.record = Record()

    @property
    def progress(self) -> float:
        """Share of accepted uploads, 0 to 1."""
        return len(self.record.accepted) / self._uploads

    def run(self, at_once: int = 6) -> None:
        """Upload all pictures; return when all are accepted."""
        with ThreadPoolExecutor(at_once) as pool:
            for future in [pool.submit(self._one, number) for number in range(self._uploads)]:
                future.result()

    def _one(self, number: int) -> None:
        chance = random.Random(f"{self._seed}-{number}")
        which = self._which(number, chance)
        id = self._send(number, which)
        if which < self._harmless and chance.random() < 0.5:
            time.sleep(chance.choice((0, 0, 0.5)))  # some have ended by then
            self._grow(id)
        # The hostile ones stay, to see how they failed.
        if which < self._harmless and chance.random() < 0.25:
            time.sleep(chance.uniform(0, 0.3))
            self._delete(id)

    def _grow(self, id: str) -> None:
        """Ask for further thumbnails, all at once."""
        with ThreadPoolExecutor(len(MORE) + 1) as pool:
            on_demand = pool.submit(self._look, id)
            asked = [pool.submit(self._ask, id, *each) for each in MORE.items()]
            for future in (on_demand, *asked):
                future.result()

    def _look(self, id: str) -> None:
        """Request a thumbnail that is made on demand, without waiting for it."""
        with suppress(requests.RequestException):
            requests.get(f"{self._url}/{id}/{ON_DEMAND}&wait=0", timeout=_TIMEOUT)

    def _ask(self, id: str, name: str, query: str) -> None:
        """Ask for a thumbnail until it is promised."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            try:
                answer = requests.post(f"{self._url}/{id}{query}", timeout=_TIMEOUT)
            except requests.RequestException:
                time.sleep(0.5)
                continue
            if answer.status_code in (200, 202):
                with self.record.lock:
                    self.record.grown.setdefault(id, set()).add(name)
                return
            assert answer.status_code == 503, f"{id}: {answer.status_code} {answer.text}"
            time.sleep(1)
        raise AssertionError(f"{name} of {id} was never promised")

    def _which(self, number: int, chance: random.Random) -> int:
        if number % 20 == 7:  # regularly, so that a short storm has some too
            return self._harmless + number // 20 % (len(self._pictures) - self._harmless)
        return chance.randrange(self._harmless)

    def _send(self, number: int, which: int) -> str:
        name, data = self._pictures[which]
        end = time.monotonic() + _PATIENCE
        for attempt in itertools.count():
            assert time.monotonic() < end, f"upload {number} was never accepted"
            # Every other one uses a key, and repeats exactly the same request.
            keyed = number % 2 == 0
            filename = f"{number}-{'keyed' if keyed else attempt}-{name}"
            if keyed:
                with self.record.lock:
                    self.record.keyed.add(filename)
            try:
                answer = requests.post(
                    f"{self._url}/{self._query}",
                    files={"file": (filename, data)},
                    headers={"Idempotency-Key": f"{self._seed}-{number}"} if keyed else {},
                    timeout=_TIMEOUT,
                )
            except requests.RequestException:
                self._count("none")
                time.sleep(0.5)
                continue
            self._count(str(answer.status_code))
            if answer.status_code == 202:
                id = str(answer.json()["id"])
                with self.record.lock:
                    self.record.accepted[id] = which
                return id
            if not keyed:
                with self.record.lock:
                    self.record.refused.add(filename)
            time.sleep(float(answer.headers.get("Retry-After", "1")))
        raise AssertionError

    def _delete(self, id: str) -> None:
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            try:
                status = requests.delete(f"{self._url}/{id}", timeout=_TIMEOUT).status_code
            except requests.RequestException:
                status = 0
            if status in (204, 404):  # deleted now, or by an attempt whose response was lost
                with self.record.lock:
                    self.record.deleted.add(id)
                return
            time.sleep(0.5)
        raise AssertionError(f"{id} was never deleted")

    def _count(self, status: str) -> None:
        with self.record.lock:
            self.record.counts[status] += 1
