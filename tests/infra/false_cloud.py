"""Fakes of terraform and gcloud for trials, backed by the emulator instead of Google Cloud.

`terraform` only keeps a list of resources. `gcloud` has one Cloud Run service, whose traffic
controls a front end, and uses the emulator's Pub/Sub. Both record their commands, and refuse
unknown ones like the real programs.
"""

import json
import os
import shlex
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]

MADE = ["google_storage_bucket.bucket", "google_cloud_run_v2_service.function"]
OLD, BAD, NEW = "upload-00001-old", "upload-00002-bad", "upload-00003-new"


class FalseCloud:
    """The programs and their state.

    Args:
        folder: for the programs and their files.
        url: of the front end of the service.
        tag_url: of its bad revision.
        pubsub: address of the emulator, host:port.
    """

    def __init__(self, folder, url="", tag_url="", pubsub=""):
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        self.put("addresses", {"url": url, "tag_url": tag_url, "pubsub": pubsub})
        self.put("revisions", {"traffic": {OLD: 100}, "latest": OLD, "tag": None, "pinned": False})
        self.put("terraform", {"made": [], "mood": ""})
        for name in ("terraform", "gcloud"):
            self.program(
                name,
                f"#!{sys.executable}\n"
                "import sys\n"
                f"sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'functions')!r}]\n"
                f"from tests.infra.false_cloud import {name}\n"
                f"{name}(sys.argv[1:], {str(folder)!r})\n",
            )
        # Without packages: a trial must only need the standard library.
        self.program("python3", f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -S "$@"\n')

    def program(self, name, text):
        """Put a program on the trial's PATH."""
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    @property
    def told(self):
        """Return all commands so far, as lists of words."""
        file = self.folder / "told"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def verbs(self, program):
        """Return the first words of a program's commands."""
        return [words[1] for words in self.told if words[0] == program]

    @property
    def terraform(self):
        return self.get("terraform")

    def become(self, mood):
        """Make terraform fail or hang at a command: `apply fails`."""
        self.put("terraform", {**self.terraform, "mood": mood})

    @property
    def revisions(self):
        return self.get("revisions")

    def get(self, name):
        return json.loads((self.folder / f"{name}.json").read_text())

    def put(self, name, value):
        path = self.folder / f"{name}.json"
        whole = path.with_suffix(f".{os.getpid()}")
        whole.write_text(json.dumps(value))
        whole.replace(path)

    def tell(self, *words):
        with (self.folder / "told").open("a") as file:
            file.write(json.dumps(words) + "\n")


class Reopened(FalseCloud):
    """The files of a cloud, for one of its programs."""

    def __init__(self, folder):
        self.folder = Path(folder)


def refuse(text):
    sys.stderr.write(f"ERROR: {text}\n")
    sys.exit(1)


def option(words, name):
    """Return the value of an option, None if it was not given."""
    return next((w.partition("=")[2] for w in words if w.partition("=")[0] == f"--{name}"), None)


def terraform(words, folder):
    cloud = Reopened(folder)
    cloud.tell("terraform", *words)
    state = cloud.terraform
    verb = words[0]
    if state["mood"] == f"{verb} fails":
        cloud.put("terraform", {**state, "made": state["made"] or MADE[:1]})
        refuse(f"{verb}: the quota is used up")
    if state["mood"] == f"{verb} hangs":
        cloud.put("terraform", {**state, "made": MADE[:1]})

        def end_in_order(*_):
            time.sleep(0.5)  # what it makes just now is made
            cloud.tell("terraform", "saved its state")
            sys.exit(1)

        signal.signal(signal.SIGINT, end_in_order)
        cloud.tell("terraform", "hangs")
        time.sleep(60)
    addresses = cloud.get("addresses")
    match verb:
        case "init" | "plan":
            pass
        case "version":
            print(json.dumps({"terraform_version": "1.11.4"}))
        case "show":
            changes = [{"type": m.split(".")[0], "change": {"actions": ["create"]}} for m in MADE]
            changes.append({"type": "google_project", "change": {"actions": ["read"]}})
            print(json.dumps({"resource_changes": changes}))
        case "apply":
            cloud.put("terraform", {**state, "made": MADE})
        case "output":
            made = {"urls": {"value": {"upload": addresses["url"]}}} if state["made"] else {}
            made |= {"audiences": {"value": {"upload": "https://upload.run.app"}}} if made else {}
            print(json.dumps(made))
        case "state":
            print(json.dumps(pulled_state(state["made"])) if state["made"] else "")
        case "destroy":
            cloud.put("terraform", {**state, "made": []})
        case _:
            refuse(f"terraform has no command {verb}")


def pulled_state(made):
    """Return a state as printed by `terraform state pull`, as far as a trial needs it."""
    names = [("data", "google_project", "this")]
    names += [("managed", *name.split(".")) for name in made]
    keys = ("mode", "type", "name")
    return {"resources": [dict(zip(keys, n, strict=True)) | {"instances": [{}]} for n in names]}


def gcloud(words, folder):
    cloud = Reopened(folder)
    cloud.tell("gcloud", *words)
    names = [word for word in words if not word.startswith("--")]
    match names:
        case ["config", "get-value", "account"]:
            print("me@example.com")
        case ["auth", "print-identity-token" | "print-access-token"]:
            print("a-token")
        case ["storage", "buckets", "describe", url]:
            if "taken" not in url:
                refuse(f"{url} not found: 404.")
        case ["artifacts", "docker", "tags", "list", _]:
            pass  # nothing is built yet
        case ["builds", "submit", archive]:
            assert Path(archive).exists()
            if "build fails" in cloud.get("terraform")["mood"]:
                refuse("denied: 403")
        case ["run", "services", *command]:
            run_services(cloud, command, words)
        case ["pubsub", *command]:
            pubsub(cloud, command, words)
        case _:
            refuse(f"gcloud has no command {' '.join(names)}")


def run_services(cloud, command, words):
    state = cloud.revisions
    match command:
        case ["describe", "upload" | "resize"]:
            print(json.dumps(described(cloud)))
        case ["update", "upload"]:
            assert "--no-traffic" in words
            latest = BAD if option(words, "update-env-vars") else NEW
            state |= {"latest": latest, "pinned": True}
            if tag := option(words, "tag"):
                state["tag"] = [tag, latest]
            cloud.put("revisions", state)
        case ["update-traffic", "upload"]:
            if to := option(words, "to-revisions"):
                name, _, percent = to.partition("=")
                assert name in (OLD, BAD, NEW)
                state |= {"traffic": {name: int(percent)}, "pinned": True}
            elif "--to-latest" in words:
                state |= {"traffic": {state["latest"]: 100}, "pinned": False}
            elif option(words, "remove-tags"):
                state["tag"] = None
            else:
                refuse("update-traffic: to which revision?")
            cloud.put("revisions", state)
        case _:
            refuse(f"gcloud run services has no command {command}")


def described(cloud):
    """Return a service as described by Cloud Run, as far as a trial needs it."""
    state = cloud.revisions
    traffic = [
        {"revisionName": name, "percent": percent, "latestRevision": not state["pinned"]}
        for name, percent in state["traffic"].items()
    ]
    if state["tag"]:
        tag, name = state["tag"]
        url = cloud.get("addresses")["tag_url"]
        traffic.append({"revisionName": name, "tag": tag, "url": url})
    spec = [{"percent": 100} | ({} if state["pinned"] else {"latestRevision": True})]
    container = {"resources": {"limits": {"cpu": "1", "memory": "2Gi"}}}
    return {
        "spec": {"traffic": spec, "template": {"spec": {"containers": [container]}}},
        "status": {"traffic": traffic, "url": cloud.get("addresses")["url"]},
    }


def pubsub(cloud, command, words):
    from google.cloud import pubsub_v1  # takes a second, and few commands need it

    os.environ["PUBSUB_EMULATOR_HOST"] = cloud.get("addresses")["pubsub"]
    subscriber = pubsub_v1.SubscriberClient()
    match command:
        case ["subscriptions", "describe", name]:
            found = subscriber.get_subscription(subscription=path(name), timeout=20)
            print(json.dumps(as_json(found)))
        case ["subscriptions", "create", name]:
            topic = option(words, "topic")
            subscriber.create_subscription(name=path(name), topic=topic, timeout=20)
        case ["subscriptions", "update", name]:
            subscriber.update_subscription(request=changed(name, words), timeout=20)
        case ["subscriptions", "delete", name]:
            subscriber.delete_subscription(subscription=path(name), timeout=20)
        case ["subscriptions", "pull", name]:
            print(json.dumps(pulled(subscriber, path(name), int(option(words, "limit")))))
        case ["topics", "publish", topic]:
            attributes = dict(a.split("=") for a in [option(words, "attribute")] if a)
            data = option(words, "message").encode()
            pubsub_v1.PublisherClient().publish(topic, data, **attributes).result(20)
        case _:
            refuse(f"gcloud pubsub has no command {command}")


def path(name):
    return f"projects/quickthumb/subscriptions/{name}"


def as_json(found):
    """Return a subscription as printed by gcloud, as far as a trial needs it."""
    return {
        "topic": found.topic,
        "deadLetterPolicy": {
            "deadLetterTopic": found.dead_letter_policy.dead_letter_topic,
            "maxDeliveryAttempts": found.dead_letter_policy.max_delivery_attempts,
        },
        "retryPolicy": {
            "minimumBackoff": f"{found.retry_policy.minimum_backoff.seconds}s",
            "maximumBackoff": f"{found.retry_policy.maximum_backoff.seconds}s",
        },
    }


def changed(name, words):
    seconds = {
        o: int(option(words, o).removesuffix("s")) for o in ("min-retry-delay", "max-retry-delay")
    }
    return {
        "subscription": {
            "name": path(name),
            "dead_letter_policy": {
                "dead_letter_topic": option(words, "dead-letter-topic"),
                "max_delivery_attempts": int(option(words, "max-delivery-attempts")),
            },
            "retry_policy": {
                "minimum_backoff": {"seconds": seconds["min-retry-delay"]},
                "maximum_backoff": {"seconds": seconds["max-retry-delay"]},
            },
        },
        "update_mask": {"paths": ["dead_letter_policy", "retry_policy"]},
    }


def pulled(subscriber, name, limit):
    answer = subscriber.pull(
        request={"subscription": name, "max_messages": limit, "return_immediately": True},
        timeout=20,
    )
    ids = [received.ack_id for received in answer.received_messages]
    if ids:
        subscriber.acknowledge(subscription=name, ack_ids=ids, timeout=20)
    return [
        {"message": json.loads(type(r.message).to_json(r.message))}
        for r in answer.received_messages
    ]
