"""What data sources find."""

from typing import Any

from tests.infra.stub.cloud import NUMBER, PROJECT


def read(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    """Return what a data source of a type finds."""
    return _READERS[kind](config)


def _project(_: dict[str, Any]) -> dict[str, Any]:
    return {"id": f"projects/{PROJECT}", "number": NUMBER}


def _storage_account(_: dict[str, Any]) -> dict[str, Any]:
    email = f"service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com"
    return {"id": email, "email_address": email, "member": f"serviceAccount:{email}"}


_READERS = {
    "google_project": _project,
    "google_storage_project_service_account": _storage_account,
}
