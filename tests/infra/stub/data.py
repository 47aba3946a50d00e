"""What data sources find."""

import hashlib
import zipfile
from pathlib import Path
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


def _archive(config: dict[str, Any]) -> dict[str, Any]:
    folder, target = Path(config["source_dir"]), Path(config["output_path"])
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                entry = zipfile.ZipInfo(str(file.relative_to(folder)))
                archive.writestr(entry, file.read_bytes())
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    return {"id": digest, "output_sha256": digest}


_READERS = {
    "archive_file": _archive,
    "google_project": _project,
    "google_storage_project_service_account": _storage_account,
}
