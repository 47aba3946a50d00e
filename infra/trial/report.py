"""The report of a trial, in Markdown."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from infra.trial.figures import Findings, percentile


def report(findings: Findings) -> str:
    """Return the report, even of an incomplete trial."""
    parts = [
        f"# A trial on {datetime.now(UTC):%Y-%m-%d}",
        "\n".join(f"- {name}: {value}" for name, value in findings.facts.items()),
    ]
    if findings.failure:
        parts.append(f"**It was not completed.** {findings.failure}")
    rows = [[step.name, step.result, duration(step.seconds)] for step in findings.steps]
    parts.append(table(["step", "result", "took"], rows, words=2))
    if findings.latencies:
        parts += [
            "## Latencies",
            "Milliseconds, measured on this machine, over persistent connections.",
            table(
                ["call", "times", "median", "p95", "p99", "longest"],
                [_latencies(call, seconds) for call, seconds in findings.latencies.items()],
            ),
        ]
    for title, lines in findings.sections.items():
        parts += [f"## {title}", "\n".join(lines)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _latencies(call: str, seconds: list[float]) -> list[str]:
    figures = [percentile(seconds, share) for share in (0.5, 0.95, 0.99, 1)]
    return [call, f"{len(seconds):,}", *(f"{figure * 1000:,.0f}" for figure in figures)]


def table(head: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> str:
    """Return a table with words in the first columns, and numbers in the others."""
    lines = [head, [*["---"] * words, *["---:"] * (len(head) - words)], *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def duration(seconds: float) -> str:
    """Format a time for people."""
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
