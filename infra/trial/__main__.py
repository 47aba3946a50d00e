"""Tries QuickThumb in a Google Cloud project of its own, and reports what it measured.

    PROJECT=my-trial infra/trial.sh >trial.md

It deploys with Terraform, sends a picture, measures calls, sends a burst of pictures, rolls back
from a bad revision, deletes a picture, follows a dead letter, asks Google what all that used, and
deletes everything. It shows first what it is about to make, and asks. The report is Markdown, on
standard output; how it goes is told on standard error. Ctrl-C, or a step that fails, ends the
trial: then too everything is deleted, and what is left is told.

The project has to be prepared as infra/README.md says in its steps 1 to 3. Take one that has
nothing else in it. The steps smoke, calls, burst and delete can also be tried on a QuickThumb that
runs already, such as that of `python3 -m emulator up`:

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
    "apply": "deploys, after it has shown what that makes",
    "smoke": "sends a picture, as a deployment does",
    "calls": f"makes each call {uploading.IN_A_ROW} times, one after the other",
    "burst": "sends many pictures at once",
    "bad-revision": "deploys a revision that does not work, and rolls back",
    "delete": "deletes a picture, and looks for it",
    "dead-letter": "publishes a message that cannot be read",
    "usage": "asks Google what was used, and reckons what it costs",
    "destroy": "deletes everything",
}
ANYWHERE = ("smoke", "calls", "burst", "delete")
"""The steps that only need a URL, not Google Cloud."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a trial.

    Attributes:
        steps: to take, in their order.
        project: its id; empty where there is a URL.
        region: where everything is.
        state_bucket: of Terraform.
        url: of a QuickThumb that runs already, empty for that of the project.
        picture: what is sent.
        burst: how much of it at once.
        usage_delay: how long to wait until Google has counted, seconds.
        keep: whether what was deployed stays.
        yes: whether nobody is asked.
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
        Refused: something is missing, or does not go together.
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
        raise Refused("--url is for a QuickThumb that runs already: leave --project out.")
    project = given.project or ("" if given.url else env.get("PROJECT", ""))
    if not given.url and not project:
        raise Refused(
            "In which project? PROJECT=my-trial infra/trial.sh. Take one that has nothing else in "
            "it: everything that the trial makes there is deleted at the end. --url tries a "
            "QuickThumb that runs already."
        )
    usual = ANYWHERE if given.url else tuple(STEPS)
    steps = tuple(step for step in STEPS if step in (given.only or usual))
    if given.url and (others := [step for step in steps if step not in ANYWHERE]):
        raise Refused(f"--url: {', '.join(others)} cannot be tried without a project.")
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
        # Of a trial before, of which this takes a further step, the last hour is asked for.
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
            Failed: it is not.
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
            raise Failed("Not a terminal: use --yes to go on without asking.")
        sys.stderr.write(f"Type {project} to go on: ")
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
    """Return which version this is, empty where git does not know."""
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
