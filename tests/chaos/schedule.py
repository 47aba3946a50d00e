"""The faults of a storm, drawn from a seed, so that they can be repeated."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.cloud import PARTS, Disk, ShakenCloud
from tests.chaos.load import Load


@dataclass(frozen=True, slots=True)
class Blow:
    """A fault of a part.

    Attributes:
        kind: kill, pause, refuse, hang or fill.
        part: the affected part.
        seconds: duration, if it ends by itself.
    """

    kind: str
    part: str
    seconds: float


def plan(seed: int, kills: int, *, bounded_disk: bool) -> list[Blow]:
    """Return that many kills, spread over all parts, and half as many other faults."""
    chance = random.Random(seed)
    blows = [Blow("kill", PARTS[number % len(PARTS)], 0) for number in range(kills)]
    others = ["pause", "refuse", "hang", *(["fill"] if bounded_disk else [])]
    for number in range((kills + 1) // 2):
        kind = others[number % len(others)]
        part = chance.choice(PARTS) if kind == "pause" else "storage"
        blows.append(Blow(kind, part, chance.uniform(0.5, 3)))
    chance.shuffle(blows)
    return blows


class Hand:
    """Injects the faults during the load, each at a certain progress of it."""

    def __init__(self, cloud: ShakenCloud, disk: Disk, load: Load, blows: list[Blow]) -> None:
        self._cloud, self._disk, self._load, self._blows = cloud, disk, load, blows
        self.dealt: Counter[str] = Counter()

    def run(self, is_over: Callable[[], bool]) -> None:
        """Inject all faults, or those for which there is time."""
        for number, blow in enumerate(self._blows):
            due = number / len(self._blows)
            while self._load.progress < due and not is_over():
                time.sleep(0.02)
            self._deal(blow)
            self.dealt[f"{blow.kind} {blow.part}"] += 1

    def _deal(self, blow: Blow) -> None:
        match blow.kind:
            case "kill":
                self._cloud.send(blow.part, signal.SIGKILL)
            case "pause":
                self._cloud.send(blow.part, signal.SIGSTOP)
                time.sleep(blow.seconds)
                self._cloud.send(blow.part, signal.SIGCONT)
            case "refuse" | "hang":
                self._cloud.proxy.become("refuses" if blow.kind == "refuse" else "hangs")
                time.sleep(blow.seconds)
                self._cloud.proxy.become("well")
            case "fill":
                self._disk.fill()
                time.sleep(blow.seconds)
                self._disk.relieve()
