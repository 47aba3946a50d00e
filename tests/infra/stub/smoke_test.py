"""Stands in for infra/smoke_test.py: tells by the cloud's file whether a picture comes through.

    python smoke_test.py URL FILE [--header="Name: value"]

What answers at the address takes the picture, and what has the traffic of the others does the rest.
It fails if one of them has an image that is `bad` for its service, and writes down who was asked.
"""

import json
import os
import sys
from pathlib import Path

REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"


def main(url: str, options: list[str]) -> int:
    """Return the exit status."""
    file = Path(os.environ["STUB_CLOUD"])
    content = json.loads(file.read_text())
    host = url.removeprefix("https://")
    tag = host.partition("---")[0] if "---" in host else ""
    tag = next((o.partition(": ")[2] for o in options if o.startswith("--header")), tag)
    asked = {}
    for resource in content["resources"].values():
        if resource["type"] == "google_cloud_run_v2_service":
            name = resource["config"]["name"]
            asked[name] = answering(resource["run"], tag if name == "upload" else "")
    content["asked"] = [*content.get("asked", []), [url, asked["upload"]["name"]]]
    file.write_text(json.dumps(content))
    assert os.environ["QUICKTHUMB_TOKEN"], "a token"
    for name, revision in asked.items():
        image = revision["template"][0]["containers"][0]["image"]
        if [name, image] in content.get("bad", []):
            sys.stderr.write(f"{revision['name']} makes no thumbnails\n")
            return 1
    return 0


def answering(run: dict, tag: str) -> dict:
    """Return the revision that answers a call, by its tag or by its traffic."""
    for target in run["traffic"]:
        if target["tag"] == tag if tag else target["percent"]:
            is_named = target["type"] == REVISION
            name = target["revision"] if is_named else run["latest_ready_revision"]
            return next(revision for revision in run["revisions"] if revision["name"] == name)
    raise SystemExit(f"404: nothing has the tag {tag}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[3:]))
