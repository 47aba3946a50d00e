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
from emulator.topology import Function, Topology
from quickthumb.settings import Settings
from quickthumb.sweeping.plan import ALL, NEW, RECENT

HOURS = 730
"""Per month, as Google computes prices."""
PAGE = 1000
"""Names per page of a listing in Cloud Storage."""
QUICK_CALLS = 4
"""Listings and notes of a walk over a part of the names that finds nothing."""
PIECE = 10.0
"""Seconds after which `sweep` stores its position, and restarts its listings."""
AT_ONCE = 8
"""Pictures that `sweep` inspects concurrently."""
SOFT_DELETE_DAYS = 7
"""The default of the variable `soft_delete_days`."""
ALERT_CONDITIONS = 18
"""In infra/alerts.tf, objective.tf and uptime.tf with the current topology, as counted by
tests/infra/test_cost.py."""
METRIC_REFERENCES = 24
"""Metrics in these conditions: a ratio has two."""
EVALUATIONS = HOURS * 3600 / 30
"""Evaluations of a condition in a month: one every 30 seconds
(https://cloud.google.com/stackdriver/observability-pricing-examples)."""
IMAGES_KEPT = 10
"""Versions of the functions' image that Artifact Registry keeps, see infra/foundation."""
BASE_IMAGE = 0.3 * GIB
"""Assumed size of the layers shared by all images, Ubuntu and Python, compressed, bytes."""
FORWARDING_RULES = 2
ARMOR_RULES = 2
"""Resources of infra/front, by type."""
UPTIME_PLACES = 6
"""Default number of regions from which an uptime check calls."""

Usage = dict[str, float]
"""Quantities by name of the price."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The contents of the buckets.

    Attributes:
        uploads: number of uploads.
        original: size of an original, bytes.
        results: size of the thumbnails and the manifest of an upload, bytes.
        blobs: number of these.
        brought: share of uploads that other programs put below `incoming/`, 0 to 1.
        has_originals: whether originals are still there, or were deleted by age.
    """

    uploads: int
    original: float
    results: float
    blobs: int
    brought: float = 0.0
    has_originals: bool = True


@dataclass(frozen=True, slots=True)
class Assumed:
    """Values that cannot be measured locally.

    Attributes:
        latency: of a call to another service, seconds.
        page: time of a full page of a listing, seconds.
        slower: CPU seconds in the cloud per measured CPU second.
    """

    latency: float = 0.04
    page: float = 0.2
    slower: float = 1.0


@dataclass(frozen=True, slots=True)
class Run:
    """What a run of `sweep` takes for the walk over everything.

    Attributes:
        class_a: operations that write or list.
        class_b: operations that read.
        seconds: duration.
        share: share of the stored data that it covers, 0 to 1.
    """

    class_a: float
    class_b: float
    seconds: float
    share: float


@dataclass(frozen=True, slots=True)
class Paces:
    """CPU time of `sweep`, seconds.

    Attributes:
        start: for a run that finds nothing.
        page: for a full page of names.
        look: for a picture that it has to inspect.
    """

    start: float
    page: float
    look: float

    @classmethod
    def of(cls, walks: Iterable[Walk]) -> "Paces":
        """Compute it from runs measured without delay."""
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
    """Return the number of names that a measured run listed: three per upload."""
    return 3 * walk.uploads


def run_of(kept: Kept, paces: Paces, assumed: Assumed, seconds: float, page: int = PAGE) -> Run:
    """Return what a run takes that walks over everything with a time limit in seconds.

    It lists both buckets. Each piece of it starts with three more listings (of what clients and
    other programs put below `incoming/`), ends by storing its position, and lists again the page of
    either bucket that the piece before had begun. Pictures of other programs are inspected every
    time, since their results are elsewhere.
    """
    originals = kept.uploads if kept.has_originals else 0
    pages = [originals / page, kept.uploads * kept.blobs / page]
    for_page = assumed.page + paces.page * assumed.slower
    for_look = max(paces.look * assumed.slower, 2 * assumed.latency / AT_ONCE)
    looks = originals * kept.brought
    whole = sum(pages) * for_page + looks * for_look
    beside = 4 * assumed.latency + paces.start * assumed.slower  # per piece
    again = 2 * for_page  # per piece but the first
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
        class_b=looks * share,
        seconds=working + pieces * beside + (pieces - 1) * again,
        share=share,
    )


@dataclass(frozen=True, slots=True)
class Sweeps:
    """What the runs of `sweep` take in a month.

    Attributes:
        runs: their number.
        class_a: operations that write or list.
        class_b: operations that read.
        seconds: duration of all, as billed.
        visited: time to visit everything once, seconds.
    """

    runs: float
    class_a: float
    class_b: float
    seconds: float
    visited: float


def sweeps_of(kept: Kept, paces: Paces, assumed: Assumed, cron: str) -> Sweeps:
    """Return what the runs of a schedule take in a month without new uploads.

    The walks over what is new or recent find nothing; each takes three listings and a note.
    """
    runs = runs_a_month(cron)
    hourly = HOURS / (RECENT.every / timedelta(hours=1))
    quick = QUICK_CALLS * assumed.latency + paces.start * assumed.slower
    run = run_of(kept, paces, assumed, sweep_setting("sweep_walk_seconds"))
    between = HOURS * 3600 / runs
    visited = run.seconds if run.share == 1.0 else between / run.share
    walking = run_share(runs, run, visited)
    return Sweeps(
        runs,
        QUICK_CALLS * (runs + hourly) + run.class_a * walking,
        runs + run.class_b * walking,
        runs * rounded_up(quick + assumed.latency) + hourly * quick + run.seconds * walking,
        visited,
    )


def run_share(runs: float, run: Run, visited: float) -> float:
    """Return how many runs of a month walk over everything: none while that rests."""
    walks = HOURS * 3600 / max(visited, ALL.every.total_seconds())
    return min(runs, walks / run.share)


def pages_of_new(kept: Kept, uploads: float) -> float:
    """Return how many pages of names sweeps list because of so many new uploads.

    An upload is among the names of whole hours, so half an hour longer than a walk's span.
    """
    visits = 0.0
    for walk, every in ((NEW, timedelta(minutes=15)), (RECENT, RECENT.every)):
        assert walk.span is not None
        visits += (walk.span + timedelta(minutes=30)) / every
    return visits * uploads * (1 + kept.blobs) / PAGE


@cache
def runs_a_month(cron: str) -> float:
    """Return the average number of runs of a schedule per month, over a year."""
    start = datetime(2027, 1, 1, tzinfo=UTC)
    times = CronSim(cron, start - timedelta(seconds=1))
    due = 0
    for time in times:
        if time >= start + timedelta(days=365):
            break
        due += 1
    return due / 12


def sweeping(sweeps: Sweeps, function: Function, run_logged: float) -> Usage:
    """Return the monthly usage of `sweep`."""
    return {
        "thousand_class_a": sweeps.class_a / 1000,
        "thousand_class_b": sweeps.class_b / 1000,
        "vcpu_second": sweeps.seconds * function.cpu,
        "gib_second": sweeps.seconds * function.memory / GIB,
        "million_requests": sweeps.runs / MILLION,
        "scheduled_job_month": 1,
        "log_gib": sweeps.runs * run_logged / GIB,
    }


def listing_new(pages: float, function: Function, paces: Paces, assumed: Assumed) -> Usage:
    """Return the usage of listing so many pages."""
    seconds = pages * (assumed.page + paces.page * assumed.slower)
    return {
        "thousand_class_a": pages / 1000,
        "vcpu_second": seconds * function.cpu,
        "gib_second": seconds * function.memory / GIB,
    }


def keeping_originals(kept: Kept) -> Usage:
    """Return the monthly usage of storing the originals."""
    size = kept.uploads * kept.original if kept.has_originals else 0
    return {"stored_gib_month": size / GIB}


def keeping_results(kept: Kept) -> Usage:
    """Return the monthly usage of storing thumbnails and manifests."""
    return {"stored_gib_month": kept.uploads * kept.results / GIB}


def soft_deleted(kept: Kept, topology: Topology) -> Usage:
    """Return the monthly usage of soft delete if as many originals are created as deleted.

    Those deleted within the retention of soft delete are stored in addition to the others.
    """
    days = topology.buckets["originals"].delete_after_days
    share = SOFT_DELETE_DAYS / days if days else 0.0
    return {name: units * share for name, units in keeping_originals(kept).items()}


def warm(topology: Topology) -> Usage:
    """Return the monthly usage of the idle instances of `min_instances`."""
    functions = topology.functions.values()
    return {
        "idle_vcpu_second": sum(f.min_instances * f.cpu for f in functions) * HOURS * 3600,
        "idle_gib_second": sum(f.min_instances * f.memory / GIB for f in functions) * HOURS * 3600,
    }


def images(layer: float) -> Usage:
    """Return the monthly usage of images, with the maximum number of versions.

    Args:
        layer: size of the layer that images do not share, bytes; all functions use the same image.
    """
    size = BASE_IMAGE + IMAGES_KEPT * layer
    return {"image_gib_month": size / GIB}


def alerts() -> Usage:
    """Return the monthly usage of alerts; each evaluation returns one point."""
    return {
        "alert_reference_month": METRIC_REFERENCES,
        "alert_million_points": ALERT_CONDITIONS * EVALUATIONS / MILLION,
    }


def balancer() -> Usage:
    """Return the monthly usage of a load balancer without requests."""
    return {
        "forwarding_rules_hour": HOURS * math.ceil(FORWARDING_RULES / 5),
        "armor_policy_month": 1,
        "armor_rule_month": ARMOR_RULES,
    }


def uptime(topology: Topology, seconds: float, logged: float) -> Usage:
    """Return the monthly usage of an uptime check of `upload` with an interval in seconds.

    Each request takes a tenth of a second at most, and is logged.
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
    """Return the list price of the usage, dollars."""
    return float(sum(getattr(prices, name) * units for name, units in used.items()))


def after_free(used: Usage, prices: Prices) -> float:
    """Return the usage beyond the free tier, if nothing else uses that."""
    charged = {n: max(0.0, units - prices.free.get(n, 0.0)) for n, units in used.items()}
    return dollars(charged, prices)


def sweep_setting(name: str) -> int:
    """Return the default of a setting, a whole number."""
    [default] = [each.default for each in fields(Settings) if each.name == name]
    assert isinstance(default, int)
    return default
