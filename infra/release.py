"""Tries new revisions of the functions before they have traffic, and moves the traffic.

    python3 infra/release.py hold      before an apply: pins the traffic to the current revisions
    python3 infra/release.py promote   after it: tries the new revisions and moves the traffic to
                                       them, or back if anything is wrong
    python3 infra/release.py back      moves the traffic to the previous revisions

The state is kept in Cloud Run, as traffic and tags: `candidate` is under trial, `previous` had the
traffic before the last promotion, and `rejected` was rolled back and is not promoted again.
Terraform ignores all of this (infra/functions.tf).

Needs gcloud and Python's standard library. It reads the deployment from `terraform output -json` in
this folder, or from a file with that output (`--outputs`).
"""

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

HERE = Path(__file__).resolve().parent
PICTURE = HERE.parent / "tests" / "fixtures" / "samples" / "rocket.jpg"
CANDIDATE, PREVIOUS, REJECTED = "candidate", "previous", "rejected"


class Failed(Exception):
    """A release failed. The message says why, and what to do."""


class Wrong(Failed):
    """A deployment does not make correct thumbnails."""


@dataclass(frozen=True)
class Outputs:
    """Terraform's outputs.

    Attributes:
        region: of the deployment.
        public: whether it is called without a token.
        domain: of the load balancer; empty for none.
        header: selects the candidate behind the load balancer.
        triggers: `http`, `pubsub` or `schedule`, by service.
        audiences: of identity tokens, by service.
    """

    region: str
    public: bool
    domain: str
    header: str
    triggers: dict[str, str]
    audiences: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> "Outputs | None":
        """Parse the output of `terraform output -json`; None before the first apply."""
        outputs = json.loads(text)
        if "release" not in outputs:
            return None
        release = outputs["release"]["value"]
        return cls(
            release["region"],
            release["public"],
            release["domain"],
            release["candidate"]["header"],
            release["triggers"],
            # A failed apply may have left a deployment without addresses.
            outputs.get("audiences", {"value": {}})["value"],
        )


@dataclass(frozen=True)
class Service:
    """A Cloud Run service.

    Attributes:
        name: its name.
        url: its own address.
        serving: percentages of the traffic, by revision.
        is_held: whether the traffic stays where it is when there is a new revision.
        newest: the revision made last.
        is_ready: whether that one has started.
        tags: revisions by tag.
        addresses: addresses of these, by tag.
    """

    name: str
    url: str
    serving: dict[str, int]
    is_held: bool
    newest: str
    is_ready: bool
    tags: dict[str, str]
    addresses: dict[str, str]

    @classmethod
    def parse(cls, described: dict[str, Any]) -> "Service":
        """Parse gcloud's description of a service."""
        status = described["status"]
        serving: dict[str, int] = {}
        for target in status.get("traffic", []):
            if target.get("percent"):
                name = target["revisionName"]
                serving[name] = serving.get(name, 0) + target["percent"]
        tagged = [target for target in status.get("traffic", []) if target.get("tag")]
        wanted = described["spec"].get("traffic", [{"latestRevision": True, "percent": 100}])
        newest = status.get("latestCreatedRevisionName", "")
        return cls(
            described["metadata"]["name"],
            status.get("url", ""),
            serving,
            not any(target.get("latestRevision") and target.get("percent") for target in wanted),
            newest,
            newest == status.get("latestReadyRevisionName"),
            {target["tag"]: target["revisionName"] for target in tagged},
            {target["tag"]: target["url"] for target in tagged if "url" in target},
        )

    @property
    def has_candidate(self) -> bool:
        """Whether there is a revision that has had no traffic yet."""
        return bool(self.newest) and set(self.serving) != {self.newest}


class Gcloud:
    """Cloud Run, controlled through gcloud.

    Args:
        region: where the services are.
    """

    def __init__(self, region: str) -> None:
        self._region = region

    def services(self, names: Sequence[str]) -> dict[str, Service]:
        """Return those of the services that exist."""
        text = _output(
            *("gcloud", "run", "services", "list", f"--region={self._region}", "--format=json")
        )
        found = (Service.parse(described) for described in json.loads(text))
        return {service.name: service for service in found if service.name in names}

    def move(self, service: str, *flags: str) -> None:
        """Change traffic or tags of a service."""
        _output(
            *("gcloud", "run", "services", "update-traffic", service),
            *(f"--region={self._region}", "--quiet", *flags),
        )


def _output(*command: str) -> str:
    """Return the output of a command.

    Raises:
        Failed: it failed; the message has the end of its stderr.
    """
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Failed(f"{command[0]} is not on PATH.") from None
    if result.returncode:
        raise Failed(f"{' '.join(command)}\n{result.stderr.strip()[-1000:]}")
    return result.stdout


def _share(serving: dict[str, int]) -> str:
    """Return the flag that gives the traffic to these revisions."""
    return "--to-revisions=" + ",".join(f"{name}={share}" for name, share in serving.items())


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def hold(gcloud: Gcloud, outputs: Outputs | None) -> None:
    """Pin the traffic to the current revisions, so that new ones get none."""
    found = gcloud.services(list(outputs.triggers)) if outputs else {}
    if not found:
        say("No function is deployed yet.")
    for service in found.values():
        if not service.is_held and service.serving:
            gcloud.move(service.name, _share(service.serving))
        say(f"{service.name}: traffic stays with {', '.join(service.serving) or 'no revision'}.")


@dataclass
class Release:
    """One promotion.

    Args:
        gcloud: the services.
        outputs: of Terraform.
        attempt: sends a picture through the service and raises Wrong if that fails; takes a URL, an
            audience and headers.
    """

    gcloud: Gcloud
    outputs: Outputs
    attempt: Callable[[str, str, Sequence[str]], None]

    def promote(self) -> None:
        """Try the new revisions and move the traffic to them, or back if anything fails.

        Raises:
            Failed: a trial failed or a revision cannot be promoted; the traffic is as it was.
        """
        services = self.gcloud.services(list(self.outputs.triggers))
        if missing := self.outputs.triggers.keys() - services.keys():
            raise Failed(f"Not deployed: {', '.join(sorted(missing))}. Apply infra/ first.")
        new = [service for service in services.values() if service.has_candidate]
        for service in new:
            _check_promotable(service, self.outputs.region)
        moved: list[Service] = []
        try:
            self._go_through(services, new, moved)
        except BaseException as error:  # including interruptions
            self._take_back(new, moved, is_wrong=isinstance(error, Wrong))
            raise
        for service in new:
            before = max(service.serving, key=lambda name: service.serving[name], default="")
            tag = [f"--update-tags={PREVIOUS}={before}"] if before else []
            self.gcloud.move(service.name, f"--remove-tags={CANDIDATE}", *tag)
        for service in services.values():
            if service not in new and not service.is_held:
                self.gcloud.move(service.name, _share(service.serving))

    def _go_through(
        self, services: dict[str, Service], new: list[Service], moved: list[Service]
    ) -> None:
        for service in new:
            say(f"{service.name}: trying {service.newest}.")
            self.gcloud.move(service.name, f"--update-tags={CANDIDATE}={service.newest}")
        called = [s for s in services.values() if self.outputs.triggers[s.name] == "http"]
        first = [service for service in new if service in called]
        behind = [service for service in new if service not in called]
        for service in first:
            self._try_candidate(service)
        self._move(behind, moved)
        if behind:
            for service in called:
                (self._try_candidate if service in first else self._try_serving)(service)
        self._move(first, moved)
        for service in called:
            if first or not new:
                self._try_serving(service)

    def _move(self, services: list[Service], moved: list[Service]) -> None:
        for service in services:
            moved.append(service)  # even if the call fails: it may have taken effect
            self.gcloud.move(service.name, f"--to-revisions={service.newest}=100")
            say(f"{service.name}: {service.newest} has the traffic.")

    def _try_serving(self, service: Service) -> None:
        say(f"{service.name}: sending a picture through the revision with the traffic.")
        domain = self.outputs.domain
        self.attempt(f"https://{domain}" if domain else service.url, self._audience(service), [])

    def _try_candidate(self, service: Service) -> None:
        say(f"{service.name}: sending a picture through {service.newest}.")
        if self.outputs.domain:
            header = f"{self.outputs.header}: {CANDIDATE}"
            self.attempt(f"https://{self.outputs.domain}", self._audience(service), [header])
            return
        tagged = self.gcloud.services([service.name])[service.name]
        self.attempt(tagged.addresses[CANDIDATE], self._audience(service), [])

    def _audience(self, service: Service) -> str:
        # The service's own URL, even for a revision called by its tag:
        # https://docs.cloud.google.com/run/docs/authenticating/service-to-service
        return self.outputs.audiences.get(service.name, service.url)

    def _take_back(self, new: list[Service], moved: list[Service], is_wrong: bool) -> None:
        for service in new:
            tags = [f"--remove-tags={CANDIDATE}"]
            tags += [f"--update-tags={REJECTED}={service.newest}"] if is_wrong else []
            back = [_share(service.serving)] if service in moved and service.serving else []
            try:
                self.gcloud.move(service.name, *tags, *back)
            except Failed as error:  # still roll back the others
                say(f"{service.name} was not rolled back. Do it by hand: {error}")
            else:
                if back:
                    say(f"{service.name}: {', '.join(service.serving)} has the traffic again.")


def _check_promotable(service: Service, region: str) -> None:
    if service.tags.get(REJECTED) == service.newest:
        raise Failed(
            f"{service.newest} was tried before and rejected. Deploy another one, or, to try it "
            f"again: gcloud run services update-traffic {service.name} --region={region} "
            f"--remove-tags={REJECTED}"
        )
    if not service.is_ready:
        raise Failed(
            f"{service.newest} does not start. To see why: gcloud run revisions describe "
            f"{service.newest} --region={region}"
        )


def back(gcloud: Gcloud, outputs: Outputs) -> None:
    """Move the traffic to the revisions that had it before the last promotion.

    Raises:
        Failed: there is none.
    """
    found = gcloud.services(list(outputs.triggers)).values()
    known = [service for service in found if PREVIOUS in service.tags]
    going = [service for service in known if set(service.serving) != {service.tags[PREVIOUS]}]
    if not going:
        raise Failed("There is nothing to roll back: nothing was promoted, or it was rolled back.")
    for service in going:
        left = max(service.serving, key=lambda name: service.serving[name])
        before = service.tags[PREVIOUS]
        flags = (f"--to-revisions={before}=100", f"--update-tags={REJECTED}={left}")
        gcloud.move(service.name, *flags)
        say(f"{service.name}: {before} has the traffic again; {left} is rejected.")


def attempt(is_public: bool, account: str) -> Callable[[str, str, Sequence[str]], None]:
    """Return a function that sends a picture through a deployment.

    Args:
        is_public: whether it is called without a token.
        account: service account to impersonate; empty for the current one.
    """

    def send(url: str, audience: str, headers: Sequence[str]) -> None:
        token = "" if is_public else _token(account, audience)
        options = [f"--header={header}" for header in headers]
        result = subprocess.run(
            [sys.executable, HERE / "smoke_test.py", url, PICTURE, *options],
            env=os.environ | {"QUICKTHUMB_TOKEN": token},
            check=False,
        )
        if result.returncode:
            raise Wrong(f"{url} does not make correct thumbnails; see above.")

    return send


def _token(account: str, audience: str) -> str:
    command = ["gcloud", "auth", "print-identity-token"]
    if account:  # a user's own token cannot have a chosen audience, and needs none
        command += [f"--impersonate-service-account={account}", f"--audiences={audience}"]
    return _output(*command).strip()


def _interrupted(*_: object) -> NoReturn:
    raise Failed("Interrupted.")


def main(arguments: Sequence[str]) -> int:
    """Run a subcommand."""
    parser = argparse.ArgumentParser(prog="release.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("hold", "promote", "back"))
    parser.add_argument("--outputs", type=Path, help="output of `terraform output -json`")
    parser.add_argument("--impersonate", default="", help="account that may call the functions")
    options = parser.parse_args(arguments)
    try:
        if options.outputs:
            text = options.outputs.read_text()
        else:
            text = _output("terraform", f"-chdir={HERE}", "output", "-json")
        outputs = Outputs.parse(text)
        gcloud = Gcloud(outputs.region if outputs else "")
        if options.what == "hold":
            hold(gcloud, outputs)
        elif outputs is None:
            raise Failed("Nothing is deployed yet. Apply infra/ first.")
        elif options.what == "back":
            back(gcloud, outputs)
        else:
            send = attempt(outputs.public, options.impersonate)
            Release(gcloud, outputs, send).promote()
    except (Failed, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return 130
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupted)  # how Cloud Build cancels
    sys.exit(main(sys.argv[1:]))
