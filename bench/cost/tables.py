"""Formats the costs as tables in Markdown."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from bench.cost import logs, month
from bench.cost.calls import GIB, MILLION, Instance, cost_of, sending, storing
from bench.cost.month import Assumed, Kept, Usage
from bench.cost.prices import Prices
from bench.cost.record import Picture, Record
from bench.cost.sweeps import run_logged
from emulator.topology import Topology

_USUAL = "photo-3mp.jpg"
"""The picture assumed for the monthly tables, with the first of its settings."""
_UPTIME_SECONDS = 60
_RATES = (0, 1, 5, 20, 50, 1000)
"""Uploads a second."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What the tables are computed from.

    Attributes:
        record: measurements.
        prices: unit prices.
        topology: what is deployed.
        assumed: values that could not be measured.
        rate: uploads a second; 0 if each comes alone.
        settings: upload options to show; each was measured, and each of its sizes separately.
    """

    record: Record
    prices: Prices
    topology: Topology
    assumed: Assumed
    rate: float
    settings: tuple[dict[str, str], ...]

    @property
    def upload(self) -> Instance:
        """An instance of `upload`."""
        return self._instance("upload")

    @property
    def resize(self) -> Instance:
        """An instance of `resize`."""
        return self._instance("resize")

    @property
    def kinds(self) -> dict[str, float]:
        """Arguments of `cost_of`."""
        return {"latency": self.assumed.latency, "slower": self.assumed.slower}

    @property
    def usual(self) -> Picture:
        """The picture assumed for monthly tables."""
        pictures = self.record.pictures
        return next((each for each in pictures if each.name == _USUAL), pictures[0])

    def kept(self, number: int) -> Kept:
        """Return that number of the usual picture, each with its original and smallest results."""
        picture = self.usual
        taken = picture.taken[0]
        return Kept(number, picture.size, taken.thumbnails + taken.manifest, taken.results)

    def sweeps(self, kept: Kept) -> month.Sweeps:
        """Return what the runs of `sweep` take in a month."""
        [schedule] = self.topology.schedules.values()
        return month.sweeps_of(kept, self.paces, self.assumed, schedule.cron)

    @property
    def paces(self) -> month.Paces:
        """CPU time of `sweep`."""
        return month.Paces.of(self.record.walks)

    def sweeping(self, kept: Kept) -> Usage:
        """Return what `sweep` uses in a month."""
        run_bytes = max(run_logged(walk) for walk in self.record.walks)
        return month.sweeping(self.sweeps(kept), self.topology.functions["sweep"], run_bytes)

    def sweeping_new(self, kept: Kept) -> Usage:
        """Return what `sweep` uses for a million new uploads."""
        pages = month.pages_of_new(kept, MILLION)
        function = self.topology.functions["sweep"]
        return month.listing_new(pages, function, self.paces, self.assumed)

    def _instance(self, name: str) -> Instance:
        function = self.topology.functions[name]
        return Instance(function.cpu, function.memory, function.concurrency, self.rate)


def all_tables(basis: Basis, kept: Sequence[int]) -> str:
    """Return all tables, as Markdown."""
    numbers = [basis.kept(number) for number in kept]
    parts = [
        "## Fixed costs per month",
        _deployed_table(basis, numbers),
        _further_table(basis, numbers),
        _sweep_table(basis, numbers),
        "## A million uploads",
        *(_upload_table(basis, picture) for picture in basis.record.pictures),
        "## A million uploads, by how many come at once",
        _rate_table(basis),
        "## Requests through a load balancer",
        _domain_table(basis),
        "## Assumptions",
        _stated(basis),
    ]
    return "\n\n".join(parts) + "\n"


def _deployed_table(basis: Basis, numbers: Sequence[Kept]) -> str:
    """Return the table of fixed costs as deployed."""
    columns = [_deployed(basis, kept) for kept in numbers]
    totals = [month.plus(*column.values()) for column in columns]
    rows = [
        [name, *(_usd(month.dollars(column[name], basis.prices)) for column in columns)]
        for name in columns[0]
    ]
    rows.append(["**total**", *(_bold(month.dollars(total, basis.prices)) for total in totals)])
    rows.append(
        [
            "total, after the free tier",
            *(_usd(month.after_free(total, basis.prices)) for total in totals),
        ]
    )
    return _table(["US dollars a month", *_heads(numbers)], rows)


def _deployed(basis: Basis, kept: Kept) -> dict[str, Usage]:
    topology = basis.topology
    days = topology.buckets["originals"].delete_after_days
    until = f", deleted after {days} days" if days else ""
    used = {
        "`sweep`": basis.sweeping(kept),
        f"originals{until}": month.keeping_originals(kept),
        f"deleted originals, restorable for {month.SOFT_DELETE_DAYS} days": (
            month.soft_deleted(kept, topology)
        ),
        "thumbnails and manifests": month.keeping_results(kept),
        f"the last {month.IMAGES_KEPT} images": (month.images(basis.record.image_bytes or 0)),
    }
    warm = month.warm(topology)
    if any(warm.values()):
        used["idle minimum instances"] = warm
    return used


def _further_table(basis: Basis, numbers: Sequence[Kept]) -> str:
    """Return the table of optional costs, after the free tier."""
    deployed = [month.plus(*_deployed(basis, kept).values()) for kept in numbers]
    since = basis.prices.since.get("alert_reference_month")
    when = f", free until {_day(since)} or later" if since else ""
    further = {
        f"{month.ALERT_CONDITIONS} alerts{when}": month.alerts(),
        "a load balancer, for a domain": month.balancer(),
        "an uptime check every minute": (
            month.uptime(basis.topology, _UPTIME_SECONDS, logs.upload_request_bytes())
        ),
    }
    rows = [
        [
            name,
            *(
                _usd(
                    month.after_free(month.plus(used, more), basis.prices)
                    - month.after_free(used, basis.prices)
                )
                for used in deployed
            ),
        ]
        for name, more in further.items()
    ]
    return _table(["optional, US dollars a month", *_heads(numbers)], rows)


def _sweep_table(basis: Basis, numbers: Sequence[Kept]) -> str:
    """Return the table of what `sweep` does and costs."""
    sweeps = [basis.sweeps(kept) for kept in numbers]

    def usd(used: Callable[[Kept], Usage], kept: Iterable[Kept]) -> list[str]:
        return [_usd(month.dollars(used(each), basis.prices)) for each in kept]

    without_originals = [replace(kept, has_originals=False) for kept in numbers]
    brought = [replace(kept, brought=1.0) for kept in numbers]
    rows = [
        ["pages listed and notes written a month", *(f"{each.class_a:,.0f}" for each in sweeps)],
        ["time to visit everything once", *(_time(each.visited) for each in sweeps)],
        ["US dollars a month", *usd(basis.sweeping, numbers)],
        ["the same, after the originals are deleted", *usd(basis.sweeping, without_originals)],
        ["the same, if other programs uploaded all of them", *usd(basis.sweeping, brought)],
        ["in addition, for a million new uploads", *usd(basis.sweeping_new, numbers)],
    ]
    return _table(["`sweep`", *_heads(numbers)], rows)


def _upload_table(basis: Basis, picture: Picture) -> str:
    """Return the cost of a million uploads of a picture."""
    head = [
        f"{picture.name}, {picture.size / 1e6:.2f} MB",
        "CPU of `upload`",
        "CPU of `resize`",
        "thumbnails",
        "instances",
        "requests",
        "Pub/Sub",
        "storage calls",
        "logs",
        "**total**",
        "one function per size",
    ]
    rows = [_upload_row(basis, picture, options) for options in basis.settings]
    taken = picture.with_options(basis.settings[-1])
    view = cost_of(taken.view, basis.upload, basis.prices, **basis.kinds).total * MILLION
    rest = (
        f"Storing a million of these originals for a month costs "
        f"{_a_million(storing, picture.size, basis)}, the thumbnails of the last row "
        f"{_a_million(storing, taken.thumbnails, basis)}. A million views of the largest of these "
        f"thumbnails cost ${view:.2f}, plus {_a_million(sending, taken.largest, basis)} for data "
        "sent to the internet."
    )
    return f"{_table(head, rows)}\n\n{rest}"


def _upload_row(basis: Basis, picture: Picture, options: Mapping[str, str]) -> list[str]:
    taken = picture.with_options(options)
    sent = cost_of(taken.upload, basis.upload, basis.prices, **basis.kinds)
    both = sent + cost_of(taken.resize, basis.resize, basis.prices, **basis.kinds)
    apart = sent
    for size in options["sizes"].split(","):
        alone = picture.with_options({**options, "sizes": size})
        apart += cost_of(alone.resize, basis.resize, basis.prices, **basis.kinds)
    money = (both.instances, both.requests, both.messages, both.operations, both.logs)
    sizes = options["sizes"].replace(",", ", ")
    return [
        f"{sizes} as {options['format'].upper()}" if "format" in options else sizes,
        f"{taken.upload.cpu_seconds * 1000:.0f} ms",
        f"{taken.resize.cpu_seconds * 1000:.0f} ms",
        f"{taken.thumbnails / 1000:.0f} kB",
        *(_usd(each * MILLION) for each in money),
        _bold(both.total * MILLION),
        f"{_usd(apart.total * MILLION)} ({apart.total / both.total:.1f}x)",
    ]


def _rate_table(basis: Basis) -> str:
    """Return the cost of a million uploads of the usual picture at different rates."""
    picture = basis.usual
    settings = [each for each in basis.settings if "format" not in each]
    columns = [settings[0], settings[-1]]
    head = ["uploads a second"]
    for options in columns:
        sizes = options["sizes"].replace(",", ", ")
        head += [f"{sizes}: `upload`", "`resize`, instances", "`resize`", "**total**"]
    rows = []
    for rate in _RATES:
        at = replace(basis, rate=rate)
        row = [f"{rate:g}" if rate else "each alone"]
        for options in columns:
            taken = picture.with_options(options)
            sent = cost_of(taken.upload, at.upload, at.prices, **at.kinds)
            made = cost_of(taken.resize, at.resize, at.prices, **at.kinds)
            row += [
                _usd((sent.total - sent.operations) * MILLION),
                _usd(made.instances * MILLION),
                _usd((made.total - made.operations) * MILLION),
                _bold((sent + made).total * MILLION),
            ]
        rows.append(row)
    return _table(head, rows)


def _domain_table(basis: Basis) -> str:
    """Return the cost of requests through a load balancer."""
    prices = basis.prices
    log = logs.upload_request_bytes() * MILLION / GIB * prices.log_gib
    rows = {
        "a million requests, Cloud Armor": prices.armor_million_requests,
        "a million requests, log of the load balancer": log,
        "a million `GET`s, cache lookups": prices.cdn_ten_thousand_lookups * 100,
        "a GiB through the load balancer, in either direction": prices.balanced_gib,
        "a GiB from the cache to Europe or North America": prices.cdn_gib,
        "a GiB to the internet without the cache": prices.internet_gib,
    }
    return _table(
        ["for", "US dollars"],
        [[name, f"{price:.3f}"] for name, price in rows.items()],
    )


def _stated(basis: Basis) -> str:
    """Return what the tables are based on."""
    record, assumed, prices = basis.record, basis.assumed, basis.prices
    held = " and ".join(
        f"{size / 2**20:.0f} of {basis.topology.functions[name].memory / 2**20:.0f} MiB by `{name}`"
        for name, size in record.memory.items()
    )
    dated = (
        f", from copies of Google's pages made on {_day(prices.checked)} or later"
        if prices.checked
        else ""
    )
    return "\n".join(
        [
            f"- Measured {record.measured}, {record.rounds} uploads per row.",
            f"- Assumed: {assumed.latency * 1000:g} ms per call to storage or Pub/Sub, "
            f"{assumed.page * 1000:g} ms per page of 1,000 names; a processor "
            f"{'as fast as' if assumed.slower == 1 else f'{assumed.slower:g} times slower than'} "
            f"the one measured; {basis.rate:g} uploads a second, at random times.",
            f"- List prices of {prices.region}{dated}.",
            f"- Peak memory, of the memory paid for: {held}.",
        ]
    )


def _a_million(of_bytes: Callable[[float, Prices], float], size: float, basis: Basis) -> str:
    return f"${of_bytes(size, basis.prices) * MILLION:,.2f}"


def _heads(numbers: Sequence[Kept]) -> list[str]:
    return [f"{kept.uploads:,} kept" for kept in numbers]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _usd(amount: float) -> str:
    return f"{amount:,.2f}"


def _bold(amount: float) -> str:
    return f"**{_usd(amount)}**"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
