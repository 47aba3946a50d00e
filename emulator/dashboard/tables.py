"""The state as tables of text."""

import time
from collections.abc import Iterable, Sequence
from typing import Any

from emulator.dashboard.lines import clock

_UNKNOWN = "?"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return aligned columns; numbers are aligned at the right."""
    shown = [list(map(str, head)), *([_cell(each) for each in row] for row in rows)]
    numeric = [
        len(shown) > 1 and all(_is_number(row[column]) for row in shown[1:])
        for column in range(len(head))
    ]
    widths = [max(len(row[column]) for row in shown) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in shown
    )


def _cell(value: object) -> str:
    return _UNKNOWN if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _is_number(text: str) -> bool:
    return text in (_UNKNOWN, "-") or text.replace(",", "").replace("/", "").isdecimal()


def status(state: dict[str, Any]) -> str:
    """Return functions and subscriptions as two tables."""
    now = state["now"]
    functions = table(
        ("FUNCTION", "INSTANCES", "BUSY", "DONE", "FAILED", "KILLED", ""),
        ([each["name"], *_function(each)] for each in state["functions"]),
    )
    subscriptions = table(
        (
            *("SUBSCRIPTION", "WAITING", "IN FLIGHT", "OLDEST"),
            *("DELIVERED", "FAILED", "DEAD", "NEXT RETRY", ""),
        ),
        (_subscription(each, now) for each in state["subscriptions"]),
    )
    untold = f"\n\n? {state['untold']}" if state["untold"] else ""
    return f"{functions}\n\n{subscriptions}{untold}"


def _function(function: dict[str, Any]) -> list[object]:
    instances, counts = function["instances"], function["counts"]
    running = sum(len(each["running"]) for each in instances)
    notes = [
        *(["paused"] if function["paused"] else []),
        *([f"each job {function['slow']:g} s longer"] if function["slow"] else []),
        *([] if function["is_watched"] else ["in a debugger"]),
    ]
    places = len(instances) * function["concurrency"]
    return [
        f"{len(instances)}/{function['wanted_instances']}",
        f"{running}/{places}",
        *(counts[name] for name in ("done", "failed", "killed")),
        ", ".join(notes),
    ]


def _subscription(each: dict[str, Any], now: float) -> list[object]:
    told = each["waiting"] is not None
    retry = clock(each["next_retry"]) if each["next_retry"] else "-"
    note = "paused" if each["paused"] else "dead letters" if each["kind"] == "letters" else ""
    return [
        each["name"],
        each["waiting"],
        each["in_flight"],
        age(each["oldest"], now) if told else None,
        each["delivered"],
        each["failed"],
        each["dead"],
        retry if told else None,
        note,
    ]


def queue(messages: Iterable[tuple[str, dict[str, Any]]], now: float) -> str:
    """Return messages, with the subscription of each, as a table."""
    return table(
        ("SUBSCRIPTION", "WHAT", "STATE", "ATTEMPTS", "AGE", "NEXT", "WHY"),
        (
            (
                subscription,
                each["subject"] or each["message"],
                each["state"],
                each["attempts"],
                age(each["published"], now),
                clock(each["next"]) if each["next"] and each["next"] > now else "-",
                each["problem"] or "",
            )
            for subscription, each in messages
        ),
    )


def age(since: float | None, now: float | None = None) -> str:
    """Return how long ago something was."""
    if since is None:
        return "-"
    seconds = max((time.time() if now is None else now) - since, 0.0)
    for limit, unit, text in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {text}"
    return f"{seconds / 86_400:.0f} days"
