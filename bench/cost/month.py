"""Fixed costs per month of a deployment and its stored data."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import cache

from cronsim import CronSim

from bench.cost.calls import GIB, MILLION, rounded_up
from bench.cost.prices import Prices
from bench.cost.record import Walk
from emulator.topology import Topology
from quickthumb.settings import Settings

HOURS = 730
"""Of a month, as Google reckons."""
PAGE = 1000
"""Names in a page of Cloud Storage's listings."""
PIECE = 10.0
"""Seconds after which `sweep` notes how far it came, and starts its listings anew."""
AT_ONCE = 8
"""Pictures that `sweep` looks at more closely at once."""
SOFT_DELETE_DAYS = 7
"""The default of the variable `soft_delete_days`."""
ALERT_CONDITIONS = 18
"""Of infra/alerts.tf, objective.tf and uptime.tf, with the topology as it is, as
tests/infra/test_cost.py counts them."""
METRIC_REFERENCES = 24
"""Metrics that these conditions name: a ratio names two."""
EVALUATIONS = HOURS * 3600 / 30
"""How often a condition is evaluated in a month: each 30 seconds
(https://cloud.google.com/stackdriver/observability-pricing-examples)."""
IMAGES_KEPT = 10
"""Versions of the functions' image that infra/foundation has Artifact Registry keep."""
BASE_IMAGE = 0.3 * GIB
"""Assumed: Ubuntu and Python, compressed; layers that all images share."""
FORWARDING_RULES = 2
ARMOR_RULES = 2
"""What infra/front makes of each."""
UPTIME_PLACES = 6
"""From which an uptime check calls, unless told otherwise."""

Usage = dict[str, float]
"""Quantities, by the names of their prices."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What lies in the buckets.

    Attributes:
        uploads: how many.
        original: bytes of one.
        results: bytes of the thumbnails and the manifest of one.
        blobs: thumbnails and manifest of one, counted.
        brought: of the uploads, the share that other programs put below `incoming/`, 0 to 1.
        has_originals: whether all originals are still there, or all deleted by their age.
    """

    uploads: int
    original: float
    results: float
    blobs: int
    brought: float = 0.0
    has_originals: bool = True


@dataclass(frozen=True, slots=True)
class Assumed:
    """What nobody can measure here.

    Attributes:
        latency: of a call to another service, seconds.
        page: of a page of a listing that is full, seconds.
        slower: seconds of the cloud's processor for one second of the one that was measured.
    """

    latency: float = 0.04
    page: float = 0.2
    slower: float = 1.0


@dataclass(frozen=True, slots=True)
class Run:
    """One run of `sweep`.

    Attributes:
        class_a: operations that write or list.
        class_b: operations that read.
        seconds: how long it works.
        share: of all that is kept, what it comes past, 0 to 1.
    """

    class_a: float
    class_b: float
    seconds: float
    share: float


@dataclass(frozen=True, slots=True)
class Paces:
    """How much processor time `sweep` takes, seconds.

    Attributes:
        start: of a run that finds nothing.
        page: of a page of names that is full.
        look: of a picture that it has to look at more closely.
    """

    start: float
    page: float
    look: float

    @classmethod
    def of(cls, walks: Iterable[Walk]) -> "Paces":
        """Tell it from runs that were measured without any delay."""
        plain = sorted((w for w in walks if not w.brought and not w.delay), key=lambda w: w.uploads)
        first, last = plain[0], plain[-1]
        page = (last.cpu_seconds - first.cpu_seconds) / (blobs_of(last) / last.page)
        looks = [
            (w.cpu_seconds - first.cpu_seconds - page * blobs_of(w) / w.page) / w.brought
            for w in walks
            if w.brought
        ]
        return cls(first.cpu_seconds, page, max(0.0, *looks))


def blobs_of(walk: Walk) -> int:
    """Return how many names a measured run listed: original, thumbnail and manifest of each."""
    return 3 * walk.uploads


def run_of(kept: Kept, paces: Paces, assumed: Assumed, seconds: float, page: int = PAGE) -> Run:
    """Return what a run takes that works for so many seconds at most.

    A run walks over the pages of both buckets. Each piece of it begins with three more listings (of
    what clients and other programs put below `incoming/`), ends with a note, and reads one page of
    either bucket again that the piece before had begun. A picture of another program is looked at
    more closely each time, since its results lie elsewhere.
    """
    originals = kept.uploads if kept.has_originals else 0
    pages = [originals / page, kept.uploads * kept.blobs / page]
    for_page = assumed.page + paces.page * assumed.slower
    for_look = max(paces.look * assumed.slower, 2 * assumed.latency / AT_ONCE)
    looks = originals * kept.brought
    whole = sum(pages) * for_page + looks * for_look
    beside = 4 * assumed.latency + paces.start * assumed.slower  # of a piece: lists and the note
    again = 2 * for_page  # of a piece that is not the first
    pieces = max(1, math.ceil(round(whole / (PIECE - beside - again), 6)))
    if whole + pieces * (beside + again) <= seconds:
        share, working = 1.0, whole
    else:
        pieces = math.ceil(seconds / PIECE)
        working = max(0.0, seconds - pieces * (beside + again))
        share = working / whole
    return Run(
        class_a=sum(max(1, math.ceil(each)) for each in pages) * share
        + 4 * pieces
        + 2 * (pieces - 1),
        class_b=1 + looks * share,
        seconds=working + pieces * beside + (pieces - 1) * again + assumed.latency,
        share=share,
    )


@cache
def runs_a_month(cron: str) -> float:
    """Return how often a schedule is due in a month, on average over a year."""
    start = datetime(2027, 1, 1, tzinfo=UTC)
    times = CronSim(cron, start - timedelta(seconds=1))
    due = 0
    for time in times:
        if time >= start + timedelta(days=365):
            break
        due += 1
    return due / 12


def sweeping(run: Run, topology: Topology, run_logged: float) -> Usage:
    """Return what `sweep` uses in a month."""
    used: Usage = {}
    for schedule in topology.schedules.values():
        function = topology.functions[schedule.function]
        runs = runs_a_month(schedule.cron)
        seconds = runs * rounded_up(run.seconds)
        used = plus(
            used,
            {
                "thousand_class_a": runs * run.class_a / 1000,
                "thousand_class_b": runs * run.class_b / 1000,
                "vcpu_second": seconds * function.cpu,
                "gib_second": seconds * function.memory / GIB,
                "million_requests": runs / MILLION,
                "scheduled_job_month": 1,
                "log_gib": runs * run_logged / GIB,
            },
        )
    return used


def keeping_originals(kept: Kept) -> Usage:
    """Return what keeping the originals uses in a month."""
    size = kept.uploads * kept.original if kept.has_originals else 0
    return {"stored_gib_month": size / GIB}


def keeping_results(kept: Kept) -> Usage:
    """Return what keeping thumbnails and manifests uses in a month."""
    return {"stored_gib_month": kept.uploads * kept.results / GIB}


def soft_deleted(kept: Kept, topology: Topology) -> Usage:
    """Return what soft delete uses in a month in which as many originals come as go.

    So many days of originals are kept, and beside them those that went in the last few days.
    """
    days = topology.buckets["originals"].delete_after_days
    share = SOFT_DELETE_DAYS / days if days else 0.0
    return {name: units * share for name, units in keeping_originals(kept).items()}


def warm(topology: Topology) -> Usage:
    """Return what instances use in a month that `min_instances` keeps waiting."""
    functions = topology.functions.values()
    return {
        "idle_vcpu_second": sum(f.min_instances * f.cpu for f in functions) * HOURS * 3600,
        "idle_gib_second": sum(f.min_instances * f.memory / GIB for f in functions) * HOURS * 3600,
    }


def images(layer: float) -> Usage:
    """Return what images use in a month, once there are as many versions as are kept.

    Args:
        layer: bytes of what one image does not share with others; all functions have the same.
    """
    size = BASE_IMAGE + IMAGES_KEPT * layer
    return {"image_gib_month": size / GIB}


def alerts() -> Usage:
    """Return what the alerts use in a month; each condition returns one point at a time."""
    return {
        "alert_reference_month": METRIC_REFERENCES,
        "alert_million_points": ALERT_CONDITIONS * EVALUATIONS / MILLION,
    }


def balancer() -> Usage:
    """Return what a load balancer uses in a month in which nobody calls."""
    return {
        "forwarding_rules_hour": HOURS * math.ceil(FORWARDING_RULES / 5),
        "armor_policy_month": 1,
        "armor_rule_month": ARMOR_RULES,
    }


def uptime(topology: Topology, seconds: float, logged: float) -> Usage:
    """Return what an uptime check uses in a month that calls `upload` each so many seconds.

    Each call works for a tenth of a second at most, and is logged.
    """
    upload = topology.functions["upload"]
    checks = HOURS * 3600 / seconds * UPTIME_PLACES
    return {
        "thousand_uptime_checks": checks / 1000,
        "million_requests": checks / MILLION,
        "vcpu_second": checks * 0.1 * upload.cpu,
        "gib_second": checks * 0.1 * upload.memory / GIB,
        "log_gib": checks * logged / GIB,
    }


def plus(*usages: Usage) -> Usage:
    """Return the sum."""
    names = {name for used in usages for name in used}
    return {name: sum(used.get(name, 0.0) for used in usages) for name in sorted(names)}


def dollars(used: Usage, prices: Prices) -> float:
    """Return list prices for what is used."""
    return float(sum(getattr(prices, name) * units for name, units in used.items()))


def after_free(used: Usage, prices: Prices) -> float:
    """Return what is left to pay where nothing else uses what Google gives free of charge."""
    charged = {n: max(0.0, units - prices.free.get(n, 0.0)) for n, units in used.items()}
    return dollars(charged, prices)


def sweep_seconds() -> int:
    """Return how long a run works at most, by its setting's default."""
    [seconds] = [each.default for each in fields(Settings) if each.name == "sweep_seconds"]
    assert isinstance(seconds, int)
    return seconds
