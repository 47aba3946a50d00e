"""A gcloud that works on a `Cloud`, for scripts: what they say is written down, and done.

    python gcloud.py CLOUD.JSON ARGUMENT ...

It knows what infra/image.py and infra/release.py ask for, and fails where the cloud was told so. A
change of traffic leaves the client's name on the service, as the real one does.
"""

import json
import sys
import tarfile
from pathlib import Path

LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"


def main(file: Path, arguments: list[str]) -> str:
    """Do what the command line says; return what is to be printed."""
    content = json.loads(file.read_text())
    said = " ".join(arguments)
    content["told"] = [*content.get("told", []), said]
    file.write_text(json.dumps(content))
    if any(words in said for words in content.get("gcloud_fails", [])):
        raise SystemExit("ERROR: (gcloud) told to fail")
    words = [word for word in arguments if not word.startswith("-")]
    flags = dict(word[2:].partition("=")[::2] for word in arguments if word.startswith("--"))
    match words:
        case ["run", "services", "list"]:
            return json.dumps([described(run) for run in services(content).values()])
        case ["run", "services", "update-traffic", name]:
            move(services(content)[name], flags)
        case ["auth", "print-identity-token"]:
            return f"token for {flags.get('audiences', 'a user')}"
        case ["artifacts", "docker", "tags", "list", image]:
            tag = flags["filter"].removeprefix("tag:")
            return tag if f"{image}:{tag}" in content.get("images", []) else ""
        case ["builds", "submit", archive]:
            with tarfile.open(archive) as packed:
                assert {"main.py", "requirements.txt"} <= set(packed.getnames())
            image = flags["substitutions"].split(",")[0].removeprefix("_IMAGE=")
            content["images"] = [*content.get("images", []), image]
        case _:
            raise SystemExit(f"ERROR: (gcloud) this stand-in does not know: {said}")
    file.write_text(json.dumps(content))
    return ""


def services(content: dict) -> dict:
    """Return the running side of each service, by its name."""
    found = content["resources"].values()
    return {
        r["config"]["name"]: r["run"] for r in found if r["type"] == "google_cloud_run_v2_service"
    }


def described(run: dict) -> dict:
    """Return a service as `--format=json` has it: in the form of version 1 of the API."""
    host = run["uri"].removeprefix("https://")
    status, spec = [], []
    for target in run["traffic"]:
        is_latest = target["type"] == LATEST
        tag, percent = target.get("tag"), target.get("percent")
        both = {"percent": percent} if percent else {}
        both |= {"latestRevision": True} if is_latest else {}
        both |= {"tag": tag} if tag else {}
        name = run["latest_ready_revision"] if is_latest else target["revision"]
        url = {"url": f"https://{tag}---{host}"} if tag else {}
        status.append({"revisionName": name, **both, **url})
        spec.append(both if is_latest else {"revisionName": name, **both})
    return {
        "metadata": {"name": host.partition("-")[0]},
        "spec": {"traffic": spec},
        "status": {
            "traffic": status,
            "url": run["uri"],
            "latestCreatedRevisionName": run["latest_created_revision"],
            "latestReadyRevisionName": run["latest_ready_revision"],
        },
    }


def move(run: dict, flags: dict) -> None:
    """Change tags, then traffic."""
    tags = {t["tag"]: t["revision"] for t in run["traffic"] if t.get("tag")}
    shares = {t["revision"] or LATEST: t["percent"] for t in run["traffic"] if t.get("percent")}
    for tag in filter(None, flags.get("remove-tags", "").split(",")):
        tags.pop(tag, None)
    tags |= dict(pair.split("=") for pair in filter(None, flags.get("update-tags", "").split(",")))
    if "to-revisions" in flags:
        shares = {n: int(p) for n, p in (x.split("=") for x in flags["to-revisions"].split(","))}
    known = {revision["name"] for revision in run["revisions"]} | {LATEST}
    assert shares.keys() | set(tags.values()) <= known, "there is no such revision"
    assert sum(shares.values()) == 100
    empty = {"type": REVISION, "revision": None, "percent": None, "tag": None}
    run["traffic"] = [
        empty | ({"type": LATEST} if name == LATEST else {"revision": name}) | {"percent": share}
        for name, share in shares.items()
    ] + [empty | {"revision": name, "tag": tag} for tag, name in tags.items()]
    run |= {"client": "gcloud", "client_version": "528.0.0"}


if __name__ == "__main__":
    sys.stdout.write(main(Path(sys.argv[1]), sys.argv[2:]) + "\n")
