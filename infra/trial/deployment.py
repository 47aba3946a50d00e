"""The deployment of a trial, with its own Terraform state."""

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from infra.trial.commands import Failed, Gcloud, run, say

INFRA = Path(__file__).parents[1]
PREFIX = "quickthumb-trial"
"""Of the state in its bucket; a permanent deployment uses `quickthumb`."""


class Deployment:
    """The deployment of a trial.

    Args:
        gcloud: for its project.
        state_bucket: bucket of Terraform's state.
        folder: with the *.tf files.
    """

    def __init__(self, gcloud: Gcloud, state_bucket: str, folder: Path = INFRA) -> None:
        self._gcloud = gcloud
        self._state_bucket = state_bucket
        self._folder = folder
        # A separate folder for Terraform, so that other deployments are not affected.
        self._data = Path(os.environ.get("TF_DATA_DIR") or folder / ".build" / "trial")
        self._plan = self._data / "trial.tfplan"
        self._outputs: dict[str, Any] | None = None

    def init(self) -> None:
        """Connect to the state.

        Raises:
            Failed: the bucket does not exist, or the account has no access to it.
        """
        say("Initializing Terraform.")
        self._data.mkdir(parents=True, exist_ok=True)
        try:
            self._terraform("init", "-reconfigure", *self._backend())
        except Failed as error:
            raise Failed(
                f"{error}\nThe state is kept in the bucket {self._state_bucket}: steps 1 "
                "to 3 of infra/README.md make it, and enable the APIs."
            ) from None

    def check_free(self) -> None:
        """Check that QuickThumb is not deployed in this project yet.

        Raises:
            Failed: a bucket of the same name exists, and is not from a trial.
        """
        if self.left():
            return
        bucket = f"{self._gcloud.project}-originals"
        try:
            self._gcloud.text("storage", "buckets", "describe", f"gs://{bucket}")
        except Failed:
            return
        raise Failed(
            f"The bucket {bucket} exists, so QuickThumb may be deployed in this project. A trial "
            "creates and deletes everything under the same names: use a dedicated project."
        )

    def build(self) -> None:
        """Build the image of the functions, unless it exists.

        Raises:
            Failed: it was not built; `image.py` has printed why.
        """
        gcloud = self._gcloud
        script = str(self._folder / "image.py")
        where = (f"--project={gcloud.project}", f"--region={gcloud.region}")
        run([sys.executable, script, *where], shown=True)

    def plan(self) -> Counter[str]:
        """Return the number of resources to create, change or delete, by type."""
        self._terraform("plan", f"-out={self._plan}", *self._variables())
        document = self._json("show", "-json", str(self._plan))
        kinds = Counter[str]()
        for change in document.get("resource_changes", []):
            actions = change["change"]["actions"]
            if actions not in (["no-op"], ["read"]):
                verb = "" if actions == ["create"] else f" ({' and '.join(actions)})"
                kinds[change["type"] + verb] += 1
        return kinds

    def apply(self) -> None:
        """Apply the plan.

        Raises:
            Failed: it was not applied completely.
        """
        self._terraform("apply", str(self._plan), shown=True)
        self._outputs = None

    def output(self, name: str) -> dict[str, str]:
        """Return an output of Terraform, a value for each function.

        Raises:
            Failed: nothing is deployed.
        """
        if self._outputs is None:
            self._outputs = self._json("output", "-json")
        if name not in self._outputs:
            raise Failed("Nothing is deployed here: start with the step apply.")
        value: dict[str, str] = self._outputs[name]["value"]
        return value

    def destroy(self) -> None:
        """Delete everything, pictures included.

        Raises:
            Failed: something is left.
        """
        self._terraform("destroy", "-auto-approve", *self._variables(), shown=True)

    def left(self) -> list[str]:
        """Return the resources that still exist."""
        # `terraform state list` fails if there is no state yet.
        state = self._json("state", "pull")
        return [
            f"{name}[{json.dumps(instance['index_key'])}]" if "index_key" in instance else name
            for resource in state.get("resources", [])
            if resource["mode"] == "managed"
            for name in [
                ".".join(filter(None, [resource.get("module"), resource["type"], resource["name"]]))
            ]
            for instance in resource["instances"]
        ]

    def version(self) -> str:
        """Return the version of Terraform."""
        return str(self._json("version", "-json")["terraform_version"])

    def destroy_command(self) -> str:
        """Return the command with which to delete what is left."""
        where = f"PROJECT={self._gcloud.project} REGION={self._gcloud.region}"
        return f"{where} infra/trial.sh --only destroy"

    def _backend(self) -> list[str]:
        return [
            f"-backend-config=bucket={self._state_bucket}",
            f"-backend-config=prefix={PREFIX}",
        ]

    def _variables(self) -> list[str]:
        account = self._gcloud.account()
        kind = "serviceAccount" if account.endswith(".gserviceaccount.com") else "user"
        variables = {
            "project": self._gcloud.project,
            "region": self._gcloud.region,
            "callers": json.dumps([f"{kind}:{account}"]),
            "deletion_allowed": "true",
            "soft_delete_days": "0",  # what is deleted must not cost anything
            "labels": '{app="quickthumb-trial"}',
        }
        return [f"-var={name}={value}" for name, value in variables.items()]

    def _json(self, *arguments: str) -> dict[str, Any]:
        """Return the JSON output of a command, an empty document if there is none."""
        text = self._terraform(*arguments).strip() or "{}"
        try:
            document: dict[str, Any] = json.loads(text)
        except ValueError:
            raise Failed(f"terraform {arguments[0]} printed no JSON: {text[:200]}") from None
        return document

    def _terraform(self, *arguments: str, shown: bool = False) -> str:
        verb, *others = arguments
        asks = verb in ("init", "plan", "apply", "destroy")
        return run(
            ["terraform", verb, *(["-input=false", "-no-color"] if asks else []), *others],
            cwd=self._folder,
            env={"TF_IN_AUTOMATION": "1", "TF_DATA_DIR": str(self._data)},
            shown=shown,
        )
