"""The arithmetic of `bench.pipeline`: percentiles, medians of rounds, ratios, and a table."""

import math
import statistics
from collections.abc import Mapping, Sequence

Figures = Mapping[str, float]
"""What was measured, by what it is, unit last: "upload p50, concurrency 1, ms"."""


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest of the values that at least so many percent of them do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def medians(rounds: Sequence[Figures]) -> dict[str, float]:
    """Return the median of each figure; a round in which there is none counts as 0."""
    names = dict.fromkeys(name for figures in rounds for name in figures)
    return {name: statistics.median(figures.get(name, 0.0) for figures in rounds) for name in names}


def table(heading: str, measured: Mapping[str, Figures]) -> str:
    """Return a table in Markdown, a column for each contestant; without figures that are all 0.0.

    Behind each figure stands in brackets the first contestant's divided by it.
    """
    first = next(iter(measured))
    names = dict.fromkeys(name for figures in measured.values() for name in figures)
    lines = [f"| {heading} | {' | '.join(measured)} |", "|---" * (len(measured) + 1) + "|"]
    for name in names:
        if max(figures.get(name, 0.0) for figures in measured.values()) < 0.05:
            continue
        cells = [
            _cell(figures.get(name), None if who == first else measured[first].get(name))
            for who, figures in measured.items()
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(value: float | None, first: float | None) -> str:
    if value is None:
        return ""
    ratio = f" ({first / value:.2f})" if first is not None and value else ""
    return f"{value:.1f}{ratio}"
