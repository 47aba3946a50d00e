"""The state of all subscriptions in Prometheus' text format.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from collections.abc import Callable

from emulator.pubsub.rules.counts import Counts, Stock
from emulator.pubsub.rules.registry import Registry

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Whatever collects the metrics keeps a series for every subscription, so their number is bounded.
MAX_SUBSCRIPTIONS = 1_000

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

# Name, type, help, and the value for a subscription at a time.
_BY_SUBSCRIPTION: tuple[tuple[str, str, str, Callable[[Counts, Stock, float], float]], ...] = (
    (
        "backlog_messages",
        "gauge",
        "Messages that are not acknowledged, including those in flight.",
        lambda _counts, stock, _now: stock.messages,
    ),
    (
        "in_flight_messages",
        "gauge",
        "Messages that are delivered, and neither acknowledged nor due for redelivery.",
        lambda _counts, stock, _now: stock.in_flight,
    ),
    (
        "oldest_unacknowledged_seconds",
        "gauge",
        "Age of the oldest message that is not acknowledged; 0 if there is none.",
        lambda _counts, stock, now: 0.0 if stock.oldest is None else max(now - stock.oldest, 0.0),
    ),
    (
        "delivered_total",
        "counter",
        "Deliveries, including redeliveries.",
        lambda counts, _stock, _now: counts.delivered,
    ),
    (
        "acknowledged_total",
        "counter",
        "Deliveries that were acknowledged.",
        lambda counts, _stock, _now: counts.acknowledged,
    ),
    (
        "dead_lettered_total",
        "counter",
        "Messages forwarded to the dead letter topic.",
        lambda counts, _stock, _now: counts.dead_lettered,
    ),
)


def exposition(registry: Registry, now: float) -> str:
    """Return the metrics of at most `MAX_SUBSCRIPTIONS` subscriptions, the first by name.

    Args:
        registry: Contains the subscriptions.
        now: Seconds since the epoch.
    """
    names = sorted(registry.subscriptions)
    shown = [registry.subscriptions[name] for name in names[:MAX_SUBSCRIPTIONS]]
    rows = [
        (f'subscription="{each.name.translate(_ESCAPES)}"', each.counts, each.stock())
        for each in shown
    ]
    lines = _metric("topics", "gauge", "Topics.", {"": len(registry.topics)})
    lines += _metric(
        "subscriptions",
        "gauge",
        f"Subscriptions; the metrics below are those of the first {MAX_SUBSCRIPTIONS} by name.",
        {"": len(names)},
    )
    for name, kind, text, value in _BY_SUBSCRIPTION:
        values = {label: value(counts, stock, now) for label, counts, stock in rows}
        lines += _metric(name, kind, text, values)
    lines += _metric(
        "push_answers_total",
        "counter",
        "Push requests by class of their status, or timeout, or failure of the connection.",
        {
            f'{label},answer="{answer}"': count
            for label, counts, _ in rows
            for answer, count in sorted(counts.push_answers.items())
        },
    )
    return "".join(f"{line}\n" for line in lines)


def _metric(name: str, kind: str, text: str, values: dict[str, float]) -> list[str]:
    """Return the lines of a metric, with its values by labels."""
    name = f"pubsub_{name}"
    samples = [
        f"{name}{{{labels}}} {value:.12g}" if labels else f"{name} {value:.12g}"
        for labels, value in values.items()
    ]
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}", *samples]
