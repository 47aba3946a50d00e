"""Tries QuickThumb in a dedicated Google Cloud project, and reports what it measured.

    PROJECT=my-trial infra/trial.sh >trial.md

It deploys with Terraform, sends a picture, measures calls, sends a burst of pictures, rolls back a
bad revision, deletes a picture, follows a dead letter, asks Google for the usage, and deletes
everything. It shows the plan first, and asks for confirmation. The report is Markdown, on standard
output; progress goes to standard error. Ctrl-C or a failed step ends the trial: then everything is
deleted too, and what is left is reported.

Prepare the project with steps 1 to 3 of infra/README.md. It must not contain anything else. The
steps smoke, calls, burst and delete also work with a running QuickThumb, such as that of
`python3 -m emulator up`:

    infra/trial.sh --url http://127.0.0.1:8080
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.cost.prices import InvalidPrices, Prices
from infra.trial import uploading
from infra.trial.calls import Caller
from infra.trial.commands import Failed, Gcloud, need, run, say
from infra.trial.dead_letters import try_dead_letter
from infra.trial.deployment import Deployment
from infra.trial.figures import Done, Findings
from infra.trial.report import report
from infra.trial.revisions import SERVICE, try_bad_revision
from infra.trial.usage import DELAY, measure_usage

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "tests" / "fixtures" / "samples" / "rocket.jpg"
STEPS = {
    "apply": "deploys, after showing the plan",
    "smoke": "sends a picture, like a deployment does",
    "calls": f"makes each call {uploading.IN_A_ROW} times in sequence",
    "burst": "sends many pictures at once",
    "bad-revision": "deploys a revision that does not work, and rolls back",
    "delete": "deletes a picture, and checks that it is gone",
    "dead-letter": "publishes a malformed message",
    "usage": "asks Google for the usage, and computes its cost",
    "destroy": "deletes everything",
}
ANYWHERE = ("smoke", "calls", "burst", "delete")
"""The steps that only need a URL, not Google Cloud."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a trial.

    Attributes:
        steps: to run, in order.
        project: project id; empty with a URL.
        region: of the deployment.
        state_bucket: bucket of Terraform's state.
        url: of a running QuickThumb; empty to deploy one.
        picture: file to send.
        burst: size of the burst.
        usage_delay: time to wait for Google's metrics, seconds.
        keep: whether to keep the deployment.
        yes: whether to skip the confirmation.
    """

    steps: tuple[str, ...]
    project: str
    region: str
    state_bucket: str
    url: str
    picture: Path
    burst: uploading.Burst
    usage_delay: int
    keep: bool
    yes: bool


class Refused(Exception):
    """The trial was not started; the message says why."""


def options(arguments: Sequence[str], env: Mapping[str, str]) -> Options:
    """Read the command line and the environment.

    Raises:
        Refused: an option is missing, or options conflict.
    """
    parser = argparse.ArgumentParser(
        prog="infra/trial.sh",
        description=__doc__,
        epilog="steps:\n" + "\n".join(f"  {name:13} {does}" for name, does in STEPS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--project", help="default $PROJECT")
    parser.add_argument(
        "--region",
        default=env.get("REGION") or "europe-west1",
        help="default $REGION, or europe-west1",
    )
    parser.add_argument(
        "--state-bucket", metavar="BUCKET", help="default PROJECT-terraform-state, as in the guide"
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=STEPS,
        metavar="STEP",
        help="run this step on the deployment that an earlier trial kept; may be repeated",
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep the deployment, for --only; it costs money"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--burst", type=_count, default=500, metavar="N", help="default 500")
    parser.add_argument(
        "--at-once", type=_count, default=50, metavar="N", help="clients of the burst, default 50"
    )
    parser.add_argument("--picture", type=Path, default=PICTURE, metavar="JPEG")
    parser.add_argument(
        "--usage-delay",
        type=_count,
        default=DELAY,
        metavar="SECONDS",
        help="to wait for Google's metrics, default %(default)s",
    )
    parser.add_argument("--url", default="", help="of a running QuickThumb")
    given = parser.parse_args(arguments)

    if given.url and given.project:
        raise Refused("--url is for a running QuickThumb: omit --project.")
    project = given.project or ("" if given.url else env.get("PROJECT", ""))
    if not given.url and not project:
        raise Refused(
            "No project given: PROJECT=my-trial infra/trial.sh. Use one without anything else in "
            "it; all that the trial creates is deleted at the end. To try a running QuickThumb, "
            "use --url."
        )
    usual = ANYWHERE if given.url else tuple(STEPS)
    steps = tuple(step for step in STEPS if step in (given.only or usual))
    if given.url and (others := [step for step in steps if step not in ANYWHERE]):
        raise Refused(f"--url: these steps need a project: {', '.join(others)}.")
    if given.keep and not given.only:
        steps = tuple(step for step in steps if step != "destroy")
    return Options(
        steps,
        project,
        given.region,
        given.state_bucket or f"{project}-terraform-state",
        given.url,
        given.picture,
        uploading.Burst(given.burst, min(given.at_once, given.burst)),
        given.usage_delay,
        given.keep,
        given.yes,
    )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number above 0")
    return int(text)


class Trial:
    """One trial, step by step.

    Args:
        asked: what to do.
        env: the environment.
    """

    def __init__(self, asked: Options, env: Mapping[str, str]) -> None:
        self.findings = Findings()
        self._asked = asked
        self._env = env
        # For further steps of an earlier trial, use the last hour.
        before = timedelta(hours=0 if "apply" in asked.steps else 1)
        self._since = datetime.now(UTC) - before
        self._gcloud = Gcloud(asked.project, asked.region)
        self._deployment = Deployment(self._gcloud, asked.state_bucket)
        self._caller: Caller | None = None
        self._is_made = False

    def run(self) -> int:
        """Run the steps; return the exit status. The deployment is deleted in any case."""
        try:
            self._begin()
            for step in self._asked.steps:
                self._take(step)
            return 0
        except (Failed, InvalidPrices) as error:
            self._end_early(str(error))
            return 1
        except KeyboardInterrupt:
            self._end_early("Somebody pressed Ctrl-C.")
            return 130

    def _begin(self) -> None:
        """Check the prerequisites of the steps."""
        asked, facts = self._asked, self.findings.facts
        facts["picture"] = uploading.check_picture(asked.picture)
        if commit := _commit():
            facts["QuickThumb"] = commit
        if asked.url:
            facts["address"] = asked.url
            return
        need("terraform", "https://developer.hashicorp.com/terraform/install")
        need("gcloud", "https://docs.cloud.google.com/sdk/docs/install")
        facts["region"] = asked.region
        facts["Terraform"] = self._deployment.version()
        self._deployment.init()

    def _take(self, step: str) -> None:
        say(f"== {step}: {STEPS[step]}")
        started = time.monotonic()
        steps: dict[str, Callable[[], str]] = {
            "apply": self._apply,
            "smoke": lambda: uploading.smoke(self._upload(), self._asked.picture, self.findings),
            "calls": lambda: uploading.measure_calls(
                self._upload(), self._asked.picture, self.findings
            ),
            "burst": lambda: uploading.burst(
                self._upload(), self._asked.picture, self._asked.burst, self.findings
            ),
            "bad-revision": lambda: try_bad_revision(
                self._upload(), self._gcloud, self._asked.picture, self.findings
            ),
            "delete": lambda: uploading.delete(self._upload(), self._asked.picture, self.findings),
            "dead-letter": lambda: try_dead_letter(self._gcloud, self.findings),
            "usage": lambda: measure_usage(
                self._gcloud, Prices.load(), self._since, self._asked.usage_delay, self.findings
            ),
            "destroy": self._destroy,
        }
        try:
            result = steps[step]()
        except (Failed, InvalidPrices, KeyboardInterrupt):
            self._note(step, "**failed**", started)
            raise
        self._note(step, result, started)

    def _note(self, step: str, result: str, started: float) -> None:
        self.findings.steps.append(Done(step, result, time.monotonic() - started))
        say(f"   {result}")

    def _upload(self) -> Caller:
        """Return the caller of the function `upload`."""
        if self._caller is None:
            key = self._env.get("QUICKTHUMB_API_KEY", "")
            if self._asked.url:
                token = self._env.get("QUICKTHUMB_TOKEN", "")
                self._caller = Caller(self._asked.url.rstrip("/"), lambda: token, key)
            else:
                url = self._deployment.output("urls")[SERVICE]
                audience = self._deployment.output("audiences")[SERVICE]
                self._caller = Caller(url, lambda: self._gcloud.identity_token(audience), key)
        return self._caller

    def _apply(self) -> str:
        self._deployment.check_free()
        kinds = self._deployment.plan()
        self._ask(kinds)
        self._deployment.build()
        self._is_made = True
        self._deployment.apply()
        return f"{sum(kinds.values())} resources"

    def _ask(self, kinds: Mapping[str, int]) -> None:
        """Show the plan, and ask for confirmation.

        Raises:
            Failed: it was not confirmed.
        """
        project = self._asked.project
        say(f"This creates in the project {project}, region {self._asked.region}:")
        for kind, count in sorted(kinds.items()):
            say(f"  {count:4} {kind}")
        if "destroy" in self._asked.steps:
            say("At the end everything is deleted, with all pictures. Allow an hour for the trial;")
            say("at list prices it costs less than a dollar.")
        else:
            say("It is kept, and costs money, until infra/trial.sh --only destroy deletes it.")
        say("After that the ids of the roles quickthumb.* may be unavailable for 37 days, so use a")
        say("project that is only for trials.")
        if self._asked.yes:
            return
        if not sys.stdin.isatty():
            raise Failed("Not a terminal: use --yes to continue without confirmation.")
        sys.stderr.write(f"Type {project} to continue: ")
        sys.stderr.flush()
        if sys.stdin.readline().strip() != project:
            raise Failed("Nothing was created.")

    def _destroy(self) -> str:
        self._deployment.destroy()
        self._is_made = False
        if left := self._deployment.left():
            names = "\n".join(f"  {name}" for name in left)
            raise Failed(f"{len(left)} resources are left:\n{names}")
        return "nothing is left but the foundation"

    def _end_early(self, reason: str) -> None:
        """Delete the deployment, and report what is left."""
        say(reason)
        self.findings.failure = reason
        if not self._is_made:
            return
        if self._asked.keep or "destroy" not in self._asked.steps:
            say(f"The deployment is kept. To delete it: {self._deployment.destroy_command()}")
            return
        say("Deleting the deployment.")
        started = time.monotonic()
        try:
            self._note("destroy", self._destroy(), started)
        except (Failed, KeyboardInterrupt) as error:
            self._note("destroy", "**failed**", started)
            told = str(error) or "Interrupted again: what is left was not deleted."
            say(told)
            say(f"To delete it: {self._deployment.destroy_command()}")
            self.findings.failure += f" {told}"


def _commit() -> str:
    """Return the version of this repository, empty if git does not know."""
    try:
        return run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"]).strip()
    except (Failed, OSError, subprocess.SubprocessError):
        return ""


def main(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """Run the trial and print its report."""
    try:
        trial = Trial(options(arguments, env), env)
    except Refused as error:
        sys.stderr.write(f"{error}\n")
        return 2
    status = trial.run()
    if trial.findings.steps:
        sys.stdout.write(report(trial.findings))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
