"""The size of log lines and request logs, as Cloud Logging bills it.

The lines are measured. What the cloud adds is taken from Google's documentation, with names of
usual length, and counted as JSON:
https://docs.cloud.google.com/run/docs/logging and
https://docs.cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry.
"""

import json
from collections.abc import Mapping
from typing import Any

_PROJECT = "example-project"
_OF_THE_ENTRY = ("severity", "logging.googleapis.com/trace", "logging.googleapis.com/spanId")
"""Fields of a line that become fields of its entry."""


def line_bytes(line: str, service: str) -> int:
    """Return the size of the log entry for a line of a function, bytes.

    Args:
        line: one JSON object, as quickthumb.logs writes it.
        service: name of the function.

    Raises:
        ValueError: it is not a JSON object.
    """
    payload = json.loads(line)
    if not isinstance(payload, dict):
        raise ValueError(f"expected a JSON object: {line[:100]}")
    kept = {name: value for name, value in payload.items() if name not in _OF_THE_ENTRY}
    return _size({**_envelope(service, "run.googleapis.com%2Fstderr"), "jsonPayload": kept})


def request_bytes(service: str, method: str, url: str, agent: str) -> int:
    """Return the size of the log entry that Cloud Run writes for a request, bytes."""
    return _size(
        {
            **_envelope(service, "run.googleapis.com%2Frequests"),
            "httpRequest": {
                "requestMethod": method,
                "requestUrl": url,
                "requestSize": "751002",
                "status": 202,
                "responseSize": "612",
                "userAgent": agent,
                "remoteIp": "203.0.113.17",
                "serverIp": "216.239.32.53",
                "latency": "0.123456789s",
                "protocol": "HTTP/1.1",
            },
        }
    )


def upload_request_bytes() -> int:
    """Return the size of the log entry for an upload, bytes."""
    url = "https://upload-1234567890.europe-west1.run.app/?sizes=256"
    return request_bytes("upload", "POST", url, "python-requests/2.32.5")


def push_request_bytes() -> int:
    """Return the size of the log entry for a push of Pub/Sub, bytes."""
    url = "https://resize-1234567890.europe-west1.run.app/?__GCP_CloudEventsMode=CUSTOM_PUBSUB"
    agent = "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)"
    return request_bytes("resize", "POST", url, agent)


def run_request_bytes() -> int:
    """Return the size of the three entries for a scheduled call, two by Cloud Scheduler, bytes."""
    url = "https://sweep-1234567890.europe-west1.run.app/"
    return 3 * request_bytes("sweep", "POST", url, "Google-Cloud-Scheduler")


def _envelope(service: str, log: str) -> dict[str, Any]:
    return {
        "insertId": "0" * 24,
        "labels": {
            "instanceId": "0" * 160,
            "execution_id": "0" * 12,
            "goog-managed-by": "cloudfunctions",
        },
        "logName": f"projects/{_PROJECT}/logs/{log}",
        "receiveTimestamp": "2026-01-01T00:00:00.123456789Z",
        "resource": {
            "type": "cloud_run_revision",
            "labels": {
                "project_id": _PROJECT,
                "service_name": service,
                "configuration_name": service,
                "revision_name": f"{service}-00001-abc",
                "location": "europe-west1",
            },
        },
        "severity": "INFO",
        "spanId": "0" * 16,
        "timestamp": "2026-01-01T00:00:00.123456Z",
        "trace": f"projects/{_PROJECT}/traces/{'0' * 32}",
        "traceSampled": True,
    }


def _size(entry: Mapping[str, Any]) -> int:
    return len(json.dumps(entry, separators=(",", ":")))
