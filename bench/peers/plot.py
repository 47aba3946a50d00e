"""Draws what `bench.pipeline` measured: `python plot.py PATH` reads it from standard input as JSON.

Writes PATH-light.svg and PATH-dark.svg: a row for each picture, a panel for each figure.
"""

import json
import sys
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

PANELS = {
    "upload p50, concurrency 1, ms": "upload p50, ms\nconcurrency 1",
    "upload p99, concurrency 32, ms": "upload p99, ms\nconcurrency 32",
    "thumbnails per second, concurrency 8": "thumbnails per second\nconcurrency 8, more is better",
    "upload to thumbnail, ms": "upload to thumbnail, ms\none by one",
    "CPU per picture, ms": "CPU per picture, ms\nall processes",
    "peak memory, MB": "peak memory, MB\nall processes",
}
THEMES = {"light": ("#1f2933", "#4285f4", "#9aa5b1"), "dark": ("#e6edf3", "#4285f4", "#6b7785")}
"""Colours of text, of the first contestant and of the others; the page is seen behind."""


Measured = dict[str, dict[str, dict[str, float]]]
"""Figures by name, of each contestant, of each picture."""


def draw(about: str, measured: Measured, path: Path) -> None:
    """Draw all panels in each theme."""
    contestants = next(iter(measured.values()))
    panels = {name: PANELS[name] for name in PANELS if name in next(iter(contestants.values()))}
    size = (2.1 * len(panels), len(measured) * (0.26 * len(contestants) + 0.9) + 0.3)
    for theme, (text, *bars) in THEMES.items():
        style = dict.fromkeys(("text.color", "ytick.color", "axes.labelcolor"), text)
        # The same figures give the same file, with texts that stay texts.
        style |= {"svg.hashsalt": "pipeline", "svg.fonttype": "none", "font.size": 9}
        with rc_context(style):
            figure = Figure(size, layout="constrained")
            grid = figure.subplots(len(measured), len(panels), squeeze=False, sharey=True)
            grid[0][0].invert_yaxis()
            for axes, title in zip(grid[0], panels.values(), strict=True):
                axes.set_title(title, fontsize=9)
            for row, (picture, figures) in zip(grid, measured.items(), strict=True):
                row[0].set_ylabel(picture)
                for axes, name in zip(row, panels, strict=True):
                    _panel(axes, {who: each[name] for who, each in figures.items()}, bars)
            figure.supxlabel(about, fontsize=8)
            metadata = {"Date": None, "Title": about}
            figure.savefig(f"{path}-{theme}.svg", transparent=True, metadata=metadata)


def _panel(axes: Axes, values: dict[str, float], colours: list[str]) -> None:
    """Draw a bar with its value for each contestant, the first in a colour of its own."""
    first, other = colours
    bars = axes.barh(
        list(values), list(values.values()), color=[first, *[other] * (len(values) - 1)]
    )
    axes.bar_label(bars, fmt=lambda value: f"{value:.{1 if value < 100 else 0}f}", padding=3)
    axes.set_xlim(0, max(values.values()) * 1.35)  # room for the longest one's value
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


if __name__ == "__main__":
    read = json.load(sys.stdin)
    draw(read["about"], read["measured"], Path(sys.argv[1]))
