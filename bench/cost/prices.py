"""Reads list prices from a file such as prices.toml; needs only the standard library."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Any, Self

PRICES = Path(__file__).with_name("prices.toml")


class InvalidPrices(Exception):
    """The file of prices is invalid; the message says why."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices per unit in US dollars; prices.toml describes each.

    Attributes:
        free: free units per month, by name of the price.
        since: first day on which the price is charged, by name of the price.
        region: for which the prices apply.
        checked: date of the oldest copy of Google's pages used as a source; None if unknown.
    """

    vcpu_second: float
    gib_second: float
    million_requests: float
    idle_vcpu_second: float
    idle_gib_second: float
    message_tib: float
    thousand_class_a: float
    thousand_class_b: float
    stored_gib_month: float
    internet_gib: float
    log_gib: float
    alert_reference_month: float
    alert_million_points: float
    thousand_uptime_checks: float
    scheduled_job_month: float
    image_gib_month: float
    build_minute: float
    forwarding_rules_hour: float
    balanced_gib: float
    armor_policy_month: float
    armor_rule_month: float
    armor_million_requests: float
    cdn_ten_thousand_lookups: float
    cdn_gib: float
    free: Mapping[str, float] = field(default_factory=dict)
    since: Mapping[str, date] = field(default_factory=dict)
    region: str = ""
    checked: date | None = None

    @classmethod
    def load(cls, path: Path = PRICES) -> Self:
        """Read a file like `prices.toml`.

        Raises:
            InvalidPrices: says what is missing or wrong.
        """
        try:
            return cls._read(tomllib.loads(path.read_text()))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, InvalidPrices) as error:
            raise InvalidPrices(f"{path}: {error}") from None

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        entries = document.get("prices")
        if not isinstance(entries, dict):
            raise InvalidPrices("expected a table for each price, as [prices.vcpu_second]")
        wanted = {each.name for each in fields(cls)} - {"free", "since", "region", "checked"}
        if different := entries.keys() ^ wanted:
            raise InvalidPrices(f"missing or unknown prices: {', '.join(sorted(different))}")
        for name, entry in entries.items():
            if not isinstance(entry, dict):
                raise InvalidPrices(f"prices.{name}: {entry!r}: expected a table with usd")
        dates = [
            copy["checked"]
            for copy in document.get("copies", {}).values()
            if isinstance(copy, dict) and isinstance(copy.get("checked"), date)
        ]
        return cls(
            **{
                name: _amount(f"prices.{name}.usd", entry.get("usd"))
                for name, entry in entries.items()
            },
            free={
                name: _amount(f"prices.{name}.free", entry["free"])
                for name, entry in entries.items()
                if "free" in entry
            },
            since={
                name: _day(f"prices.{name}.from", entry["from"])
                for name, entry in entries.items()
                if "from" in entry
            },
            region=str(document.get("region", "")),
            checked=min(dates, default=None),
        )


def _amount(place: str, value: Any) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 <= value < float("inf")
    ):
        raise InvalidPrices(f"{place}: {value!r}: expected a number, 0 or more")
    return float(value)


def _day(place: str, value: Any) -> date:
    if type(value) is not date:
        raise InvalidPrices(f"{place}: {value!r}: expected a date, such as 2027-09-01")
    return value
