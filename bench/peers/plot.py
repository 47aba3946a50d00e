"""Draws what `bench.pipeline` measured: `python plot.py PATH` reads it from standard input as JSON.

Writes PATH-light.svg and PATH-dark.svg: a row for each picture, a panel for each figure.
"""

import json
import sys
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

PANELS = {
    "upload p50, 1 at once, ms": "upload, median\nms, less is better",
    "upload p99, 32 at once, ms": "upload, 32 at once, p99\nms, less is better",
    "thumbnails a second, 8 at once": "thumbnails a second\nmore is better",
    "upload to thumbnail, ms": "upload to thumbnail\nms, less is better",
    "CPU a picture, ms": "processor time a picture\nms, less is better",
    "peak memory, MB": "peak memory\nMB, less is better",
}
THEMES = {"light": ("#1f2933", "#4285f4", "#9aa5b1"), "dark": ("#e6edf3", "#4285f4", "#6b7785")}
"""Colours of text, of the first contestant and of the others; the page is seen behind."""


def draw(about: str, measured: dict[str, dict[str, dict[str, float]]], path: Path) -> None:
    """Draw all panels in each theme."""
    for theme, (text, first, other) in THEMES.items():
        colours = dict.fromkeys(("text.color", "ytick.color", "axes.labelcolor"), text)
        fixed = {"svg.hashsalt": "pipeline", "svg.fonttype": "none", "font.family": "sans-serif"}
        with rc_context({**colours, **fixed, "font.size": 9}):
            rows, columns = len(measured), len(PANELS)
            names = list(next(iter(measured.values())))
            size = (2.1 * columns, rows * (0.26 * len(names) + 0.9) + 0.3)
            figure = Figure(size, layout="constrained")
            grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
            for row, (picture, contestants) in zip(grid, measured.items(), strict=True):
                row[0].set_ylabel(picture)
                for axes, (name, title) in zip(row, PANELS.items(), strict=True):
                    values = [figures.get(name, 0.0) for figures in contestants.values()]
                    bars = axes.barh(names, values, color=[first, *[other] * (len(names) - 1)])
                    axes.bar_label(bars, fmt=_short, padding=3)
                    axes.set_title(title, fontsize=9)
                    axes.set_xlim(0, max(values) * 1.35)
                    axes.set_xticks([])
                    axes.tick_params(length=0)
                    axes.spines[:].set_visible(False)
                    axes.set_facecolor("none")
            grid[0][0].invert_yaxis()
            figure.supxlabel(about, fontsize=8)
            figure.savefig(
                f"{path}-{theme}.svg", transparent=True, metadata={"Date": None, "Title": about}
            )


def _short(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


if __name__ == "__main__":
    read = json.load(sys.stdin)
    draw(read["about"], read["measured"], Path(sys.argv[1]))
