"""People who upload pictures, come back when they are told to, and sometimes change their minds.

One of twenty uploads is a picture that does its decoder harm.
"""

import io
import itertools
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import requests
from PIL import Image

from bench.hostile_files import attack
from quickthumb.problems import DecoderCrashed, TooManyPixels, TooSlow
from tests.chaos.site.deadly_cook import CRASHES, HANGS
from tests.pictures import picture

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
    """A picture that does harm.

    Attributes:
        name: of its file.
        data: its bytes.
        code: with which its job has to fail.
    """

    name: str
    data: bytes
    code: str


def hostile() -> list[Hostile]:
    """Return pictures that crash their decoder, keep it busy, or ask it for all memory."""
    return [
        Hostile("crashes.jpg", picture() + CRASHES, DecoderCrashed.code),
        Hostile("hangs.jpg", picture() + HANGS, TooSlow.code),
        Hostile("frames.webp", attack("WebP of 100,000 frames"), TooManyPixels.code),
    ]


@dataclass
class Record:
    """What the people were told.

    Attributes:
        accepted: id of each upload that was answered with 202, and the number of its picture; those
            that do harm come after the others.
        deleted: ids of those they deleted, and were told so.
        refused: file names of the attempts that were answered with anything else.
        keyed: file names of those that were sent with an `Idempotency-Key`, in every attempt alike.
        counts: of answers by status; "none" where none came.
    """

    accepted: dict[str, int] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    keyed: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Load:
    """Uploads so many pictures, each until it is accepted.

    Args:
        url: of `upload`.
        query: behind it, when a picture is sent.
        pictures: from `gallery`.
        harm: from `hostile`.
        uploads: how many.
        seed: of which picture is sent when, and which is deleted.
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
        """How much of it is accepted, 0 to 1."""
        return len(self.record.accepted) / self._uploads

    def run(self, at_once: int = 6) -> None:
        """Upload all; return when each is accepted."""
        with ThreadPoolExecutor(at_once) as pool:
            for future in [pool.submit(self._one, number) for number in range(self._uploads)]:
                future.result()

    def _one(self, number: int) -> None:
        chance = random.Random(f"{self._seed}-{number}")
        which = self._which(number, chance)
        id = self._send(number, which)
        if chance.random() < 0.05:
            time.sleep(chance.uniform(0, 0.3))
            self._delete(id)

    def _which(self, number: int, chance: random.Random) -> int:
        if number % 20 == 7:  # by turns, so that a short storm has some as well
            return self._harmless + number // 20 % (len(self._pictures) - self._harmless)
        return chance.randrange(self._harmless)

    def _send(self, number: int, which: int) -> str:
        name, data = self._pictures[which]
        end = time.monotonic() + _PATIENCE
        for attempt in itertools.count():
            assert time.monotonic() < end, f"upload {number} was never accepted"
            # Every other one makes sure that it is not done twice; it sends the very same again.
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
            if status in (204, 404):  # gone now, or gone by an attempt whose answer was lost
                with self.record.lock:
                    self.record.deleted.add(id)
                return
            time.sleep(0.5)
        raise AssertionError(f"{id} was never deleted")

    def _count(self, status: str) -> None:
        with self.record.lock:
            self.record.counts[status] += 1
