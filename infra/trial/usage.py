"""The usage and cost of the trial, from the metrics of Cloud Monitoring.

For the metrics, see https://docs.cloud.google.com/monitoring/api/metrics_gcp; for the call,
https://docs.cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list.
"""

import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.cost.calls import MILLION, TIB, Cost, Instance, operations
from bench.cost.prices import Prices
from infra.trial.commands import Failed, Gcloud, say
from infra.trial.figures import Findings
from infra.trial.report import table

ENDPOINT = "CLOUDSDK_API_ENDPOINT_OVERRIDES_MONITORING"
"""The variable that overrides the endpoint for gcloud, too."""
DELAY = 300
"""Seconds until metrics are available; most are within four minutes."""
_CLASS_B = ("ReadObject", "GetObjectMetadata", "GetBucketMetadata")
_FREE = ("DeleteObject",)


@dataclass(frozen=True, slots=True)
class Used:
    """The usage in a period.

    Attributes:
        seconds: billed instance time by service.
        requests: number by service.
        starts: of instances by service: number, mean and 95th percentile in seconds.
        operations: of Cloud Storage, by method.
        messages: bytes published to and delivered by Pub/Sub.
    """

    seconds: Mapping[str, float]
    requests: Mapping[str, float]
    starts: Mapping[str, tuple[int, float, float]]
    operations: Mapping[str, float]
    messages: float


def measure_usage(
    gcloud: Gcloud, prices: Prices, since: datetime, delay: float, findings: Findings
) -> str:
    """Wait for the metrics of the trial, and compute its cost.

    Args:
        gcloud: for the project.
        prices: list prices.
        since: when the trial began.
        delay: time to wait for the metrics, seconds.
        findings: to add the results to.

    Raises:
        Failed: the metrics are not available.
    """
    say(f"Waiting {delay:g} seconds for Google's metrics.")
    end = datetime.now(UTC)
    time.sleep(delay)
    used = Metrics(gcloud, since, end).used()
    if not used.seconds:
        raise Failed("Cloud Monitoring has no data of this trial: wait longer with --usage-delay.")
    instances = {service: _instance(gcloud.described(service)) for service in used.seconds}
    cost = cost_of(used, instances, prices)
    if used.starts:
        findings.sections["Cold starts"] = [
            table(
                ["service", "instances", "mean", "p95"],
                [
                    [f"`{name}`", f"{count}", f"{mean:.2f} s", f"{p95:.2f} s"]
                    for name, (count, mean, p95) in sorted(used.starts.items())
                ],
            )
        ]
    findings.sections["Cost"] = _cost_lines(used, cost, findings.uploads)
    return f"${cost.total:.4f}"


def cost_of(used: Used, instances: Mapping[str, Instance], prices: Prices) -> Cost:
    """Return the list price of the usage."""
    class_b = sum(count for method, count in used.operations.items() if method in _CLASS_B)
    class_a = sum(c for m, c in used.operations.items() if m not in (*_CLASS_B, *_FREE))
    return Cost(
        instances=sum(
            seconds * instances[service].second(prices) for service, seconds in used.seconds.items()
        ),
        requests=sum(used.requests.values()) / MILLION * prices.million_requests,
        messages=used.messages / TIB * prices.message_tib,
        operations=operations(class_a, class_b, prices),
    )


def _cost_lines(used: Used, cost: Cost, uploads: int) -> list[str]:
    """Return the cost section of the report; for a million pictures too, if any were sent."""
    rows: list[tuple[str, str, float]] = [
        ("instances", f"{sum(used.seconds.values()):,.0f} s", cost.instances),
        ("requests", f"{sum(used.requests.values()):,.0f}", cost.requests),
        ("Pub/Sub", f"{used.messages:,.0f} bytes", cost.messages),
        ("storage calls", f"{sum(used.operations.values()):,.0f}", cost.operations),
        ("**in all**", "", cost.total),
    ]
    head = ["for", "used", "US dollars"]
    cells = [[name, amount, f"{dollars:.4f}"] for name, amount, dollars in rows]
    if uploads:
        head.append("a million pictures")
        for cell, (*_, dollars) in zip(cells, rows, strict=True):
            cell.append(f"{dollars / uploads * MILLION:,.2f}")
    counted = ", ".join(f"{count:,.0f} {name}" for name, count in sorted(used.operations.items()))
    return [
        "At list prices, without the free tier, logs, builds and stored data. Each picture is "
        "uploaded, polled, downloaded and deleted.",
        "",
        table(head, cells),
        "",
        f"Storage calls: {counted or 'none'}.",
    ]


def _instance(description: Mapping[str, Any]) -> Instance:
    """Return the size of an instance of a service."""
    [container, *_] = description["spec"]["template"]["spec"]["containers"]
    limits = container["resources"]["limits"]
    return Instance(quantity(limits["cpu"]), int(quantity(limits["memory"])))


def quantity(text: str) -> float:
    """Parse a quantity in Kubernetes' notation: 2, 500m, 512Mi, 2Gi, 1G."""
    units = {"m": 1e-3, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "k": 1e3, "M": 1e6, "G": 1e9}
    for unit, factor in units.items():
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    return float(text)


class Metrics:
    """Metrics of a project in a period.

    Args:
        gcloud: for the project.
        since: the beginning.
        until: the end.
    """

    def __init__(self, gcloud: Gcloud, since: datetime, until: datetime) -> None:
        self._gcloud = gcloud
        # Metrics have a resolution of a minute.
        minutes = max(1, round((until - since).total_seconds() / 60 + 1))
        self._until = until.replace(second=0, microsecond=0) + timedelta(minutes=1)
        self._since = self._until - timedelta(minutes=minutes)
        self._period = f"{minutes * 60}s"
        self._token = gcloud.access_token()

    def used(self) -> Used:
        """Return the usage.

        Raises:
            Failed: the metrics are not available.
        """
        run, service = "run.googleapis.com", "resource.labels.service_name"
        counts = self._by(f"{run}/container/startup_latencies", service, "REDUCE_SUM")
        p95 = self._by(f"{run}/container/startup_latencies", service, "REDUCE_PERCENTILE_95")
        pubsub = "pubsub.googleapis.com"
        messages = [
            *self._by(f"{pubsub}/topic/byte_cost", "", "REDUCE_SUM").values(),
            *self._by(f"{pubsub}/subscription/byte_cost", "", "REDUCE_SUM").values(),
        ]
        return Used(
            seconds=_numbers(
                self._by(f"{run}/container/billable_instance_time", service, "REDUCE_SUM")
            ),
            requests=_numbers(self._by(f"{run}/request_count", service, "REDUCE_SUM")),
            starts={
                name: (
                    int(value["distributionValue"]["count"]),
                    float(value["distributionValue"].get("mean", 0.0)) / 1000,
                    _number_of(p95.get(name, {})) / 1000,
                )
                for name, value in counts.items()
                if int(value["distributionValue"].get("count", 0))
            },
            operations=_numbers(
                self._by(
                    "storage.googleapis.com/api/request_count",
                    "metric.labels.method",
                    "REDUCE_SUM",
                    'metric.labels.response_code = "OK"',
                )
            ),
            messages=sum(map(_number_of, messages)),
        )

    def _by(
        self, metric: str, label: str, reducer: str, condition: str = ""
    ) -> dict[str, dict[str, Any]]:
        """Return a metric, aggregated over the period, by one of its labels."""
        query = {
            "filter": " AND ".join(filter(None, [f'metric.type = "{metric}"', condition])),
            "interval.startTime": _stamp(self._since),
            "interval.endTime": _stamp(self._until),
            "aggregation.alignmentPeriod": self._period,
            "aggregation.perSeriesAligner": "ALIGN_DELTA",
            "aggregation.crossSeriesReducer": reducer,
            "view": "FULL",
            **({"aggregation.groupByFields": label} if label else {}),
        }
        found = {}
        for series in self._ask(query).get("timeSeries", []):
            kind, _, name = label.partition(".labels.")
            labels = series.get(kind, {}).get("labels", {}) if kind else {}
            [point, *_] = series["points"]
            found[labels.get(name, "")] = point["value"]
        return found

    def _ask(self, query: Mapping[str, str]) -> dict[str, Any]:
        base = os.environ.get(ENDPOINT, "https://monitoring.googleapis.com/").rstrip("/")
        url = f"{base}/v3/projects/{self._gcloud.project}/timeSeries?"
        if not url.startswith(("https://", "http://")):
            raise Failed(f"{ENDPOINT}: {base!r}: expected a URL")
        request = urllib.request.Request(  # noqa: S310 - its scheme was looked at
            url + urllib.parse.urlencode(query),
            headers={"Authorization": f"Bearer {self._token}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
                document: dict[str, Any] = json.load(answer)
                return document
        except urllib.error.HTTPError as error:
            detail = error.read().decode(errors="replace")[:500]
            raise Failed(f"Cloud Monitoring answered {error.code}: {detail}") from None
        except OSError as error:
            raise Failed(f"Cloud Monitoring: {error}") from None


def _numbers(values: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    return {name: _number_of(value) for name, value in values.items()}


def _number_of(value: Mapping[str, Any]) -> float:
    """Return the number in a TypedValue, in which integers are strings."""
    return float(value.get("doubleValue", value.get("int64Value", 0)))


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
