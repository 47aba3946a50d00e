"""Tries new revisions of the functions before they have traffic, and moves the traffic.

    python3 infra/release.py hold      before an apply: what answers now goes on answering
    python3 infra/release.py promote   after it: tries the new revisions and gives them the traffic;
                                       takes it back if anything is wrong
    python3 infra/release.py back      gives the traffic to the revisions that had it before

Which revision answers is known to Cloud Run alone, as traffic and as tags: `candidate` is about to
be tried, `previous` had the traffic before the last promotion, and what is `rejected` was taken
back and is not promoted again. Terraform leaves all of that alone (infra/functions.tf).

Needs gcloud, and of Python nothing but the standard library. What there is it reads from
`terraform output -json` in this folder, or from a file with that (`--outputs`).
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
    """A release did not go well. The message says what happened and what to do."""


class Wrong(Failed):
    """A deployment does not make thumbnails as it should."""


@dataclass(frozen=True)
class Outputs:
    """What Terraform says of the deployment.

    Attributes:
        region: where it is.
        public: whether it is called without a token.
        domain: under which it is reached; empty for none.
        header: by which a call asks for the candidate, behind a domain.
        triggers: `http`, `pubsub` or `schedule`, by service.
        audiences: what a token is made out to, by service.
    """

    region: str
    public: bool
    domain: str
    header: str
    triggers: dict[str, str]
    audiences: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> "Outputs | None":
        """Read what `terraform output -json` prints; None before the first apply."""
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
            # An apply that failed may have left a deployment without addresses.
            outputs.get("audiences", {"value": {}})["value"],
        )


@dataclass(frozen=True)
class Service:
    """A service of Cloud Run.

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
        """Read what gcloud says of a service."""
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
        """Whether there is a revision that has not answered yet."""
        return bool(self.newest) and set(self.serving) != {self.newest}


class Gcloud:
    """Cloud Run by way of gcloud.

    Args:
        region: where the services are.
    """

    def __init__(self, region: str) -> None:
        self._region = region

    def services(self, names: Sequence[str]) -> dict[str, Service]:
        """Return which of these services there are."""
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
    """Return what a command prints.

    Raises:
        Failed: it failed; the message has its last words.
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
    """Tell what is done."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def hold(gcloud: Gcloud, outputs: Outputs | None) -> None:
    """Let the revisions that answer now go on answering when there are new ones."""
    found = gcloud.services(list(outputs.triggers)) if outputs else {}
    if not found:
        say("There is no function yet whose traffic could be held.")
    for service in found.values():
        if not service.is_held and service.serving:
            gcloud.move(service.name, _share(service.serving))
        say(f"{service.name}: {', '.join(service.serving) or 'nothing'} goes on answering.")


@dataclass
class Release:
    """One promotion.

    Args:
        gcloud: the services.
        outputs: what Terraform says of them.
        attempt: sends a picture through, and raises Wrong if that does not work; takes an address,
            an audience and headers.
    """

    gcloud: Gcloud
    outputs: Outputs
    attempt: Callable[[str, str, Sequence[str]], None]

    def promote(self) -> None:
        """Try the new revisions, give them the traffic, and take it back if anything is wrong.

        Raises:
            Failed: it was wrong, or a revision cannot be promoted; the traffic is where it was.
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
        except BaseException as error:  # an interruption as well
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
            say(f"{service.name}: {service.newest} is to be tried.")
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
            moved.append(service)  # also if the call fails, whatever it has done until then
            self.gcloud.move(service.name, f"--to-revisions={service.newest}=100")
            say(f"{service.name}: {service.newest} answers.")

    def _try_serving(self, service: Service) -> None:
        say(f"{service.name}: a picture is sent through what answers.")
        domain = self.outputs.domain
        self.attempt(f"https://{domain}" if domain else service.url, self._audience(service), [])

    def _try_candidate(self, service: Service) -> None:
        say(f"{service.name}: a picture is sent through {service.newest}.")
        if self.outputs.domain:
            header = f"{self.outputs.header}: {CANDIDATE}"
            self.attempt(f"https://{self.outputs.domain}", self._audience(service), [header])
            return
        tagged = self.gcloud.services([service.name])[service.name]
        self.attempt(tagged.addresses[CANDIDATE], self._audience(service), [])

    def _audience(self, service: Service) -> str:
        # The service's own address, also of a revision that is called by its tag:
        # https://docs.cloud.google.com/run/docs/authenticating/service-to-service
        return self.outputs.audiences.get(service.name, service.url)

    def _take_back(self, new: list[Service], moved: list[Service], is_wrong: bool) -> None:
        for service in new:
            tags = [f"--remove-tags={CANDIDATE}"]
            tags += [f"--update-tags={REJECTED}={service.newest}"] if is_wrong else []
            back = [_share(service.serving)] if service in moved and service.serving else []
            try:
                self.gcloud.move(service.name, *tags, *back)
            except Failed as error:  # the others are brought back all the same
                say(f"{service.name} was not brought back. Do it by hand: {error}")
            else:
                if back:
                    say(f"{service.name}: {', '.join(service.serving)} answers again.")


def _check_promotable(service: Service, region: str) -> None:
    if service.tags.get(REJECTED) == service.newest:
        raise Failed(
            f"{service.newest} was tried before and taken back. Deploy another one; or, to try it "
            f"once more: gcloud run services update-traffic {service.name} --region={region} "
            f"--remove-tags={REJECTED}"
        )
    if not service.is_ready:
        raise Failed(
            f"{service.newest} does not start; what it said: gcloud run revisions describe "
            f"{service.newest} --region={region}"
        )


def back(gcloud: Gcloud, outputs: Outputs) -> None:
    """Give the traffic to the revisions that had it before the last promotion.

    Raises:
        Failed: there is none.
    """
    found = gcloud.services(list(outputs.triggers)).values()
    known = [service for service in found if PREVIOUS in service.tags]
    going = [service for service in known if set(service.serving) != {service.tags[PREVIOUS]}]
    if not going:
        raise Failed(
            "No function has had other traffic before: nothing was promoted, or it is back."
        )
    for service in going:
        left = max(service.serving, key=lambda name: service.serving[name])
        before = service.tags[PREVIOUS]
        flags = (f"--to-revisions={before}=100", f"--update-tags={REJECTED}={left}")
        gcloud.move(service.name, *flags)
        say(f"{service.name}: {before} answers again, and {left} is not promoted any more.")


def attempt(is_public: bool, account: str) -> Callable[[str, str, Sequence[str]], None]:
    """Return what sends a picture through a deployment.

    Args:
        is_public: whether it is called without a token.
        account: service account whose token it is, to be impersonated; empty for who runs this.
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
            raise Wrong(f"{url} does not make thumbnails as it should; see above.")

    return send


def _token(account: str, audience: str) -> str:
    command = ["gcloud", "auth", "print-identity-token"]
    if account:  # a user's own token has no audience of one's choice, and needs none
        command += [f"--impersonate-service-account={account}", f"--audiences={audience}"]
    return _output(*command).strip()


def _interrupted(*_: object) -> NoReturn:
    raise Failed("Interrupted.")


def main(arguments: Sequence[str]) -> int:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(prog="release.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("hold", "promote", "back"))
    parser.add_argument("--outputs", type=Path, help="what `terraform output -json` has printed")
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
            raise Failed("Nothing is deployed yet: apply infra/ first.")
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
    signal.signal(signal.SIGTERM, _interrupted)  # which is how Cloud Build cancels
    sys.exit(main(sys.argv[1:]))
