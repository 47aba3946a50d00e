"""The project's Terraform, run on a cloud that is a file (`stub`)."""

import json
import shutil
from pathlib import Path

from tests.infra.hcl import INFRA
from tests.infra.stub.cloud import PROJECT, Cloud
from tests.infra.terraform import terraform

WHOLE = {
    "alert_email": "on-call@example.com",
    "budget": {"billing_account": "012345-6789AB-CDEF01", "amount": 50},
    "callers": ["user:someone@example.com"],
    "domain": "thumbs.example.com",
    "request_log_share": 0.1,
    "secrets": {"QUICKTHUMB_SIGNING_KEYS": "signing-keys"},
}
"""Variables with which all resources are created."""

_LEAVE = shutil.ignore_patterns(".terraform*", "__pycache__")
_BACKEND = 'terraform {\n  backend "local" {}\n}\n'


class Deployment:
    """A copy of infra/ and functions/, and the cloud to which it is applied.

    Args:
        folder: to work in; the copy is created and initialised if it does not exist.
        environment: from `stub.server.served`.
        cloud: the cloud.
        root: the folder to apply.
    """

    def __init__(
        self, folder: Path, environment: dict[str, str], cloud: Cloud, root: str = "infra"
    ) -> None:
        self.folder = folder
        self.cloud = cloud
        self.environment = environment
        self._root = folder / root
        if not self._root.exists():
            shutil.copytree(INFRA, folder / "infra", ignore=_LEAVE)
            shutil.copytree(INFRA.parent / "functions", folder / "functions", ignore=_LEAVE)
            (self._root / "backend_override.tf").write_text(_BACKEND)
            self.terraform("init", *_HOW)

    def terraform(self, *arguments, may_fail=False):
        """Run Terraform; return the completed process."""
        result = terraform(*arguments, cwd=self._root, env=self.environment)
        assert may_fail or result.returncode == 0, result.stdout + result.stderr
        return result

    def state(self):
        """Return Terraform's state."""
        return json.loads((self._root / "terraform.tfstate").read_text())

    def waits(self):
        """Return the dependencies of each resource in Terraform's state, by address."""
        return {
            f"{resource['type']}.{resource['name']}": {
                address
                for instance in resource["instances"]
                for address in instance.get("dependencies", [])
            }
            for resource in self.state()["resources"]
            if resource["mode"] == "managed"
        }

    def apply(self, *options, may_fail=False, **variables):
        """Apply with these variables, in addition to the project."""
        options = (*options, "-auto-approve", *assigned(variables))
        return self.terraform("apply", *_HOW, *options, may_fail=may_fail)

    def changes(self, **variables):
        """Return whether a plan with these variables would change anything."""
        options = ("-detailed-exitcode", *assigned(variables))
        result = self.terraform("plan", *_HOW, *options, may_fail=True)
        assert result.returncode in (0, 2), result.stdout + result.stderr
        return result.stdout if result.returncode else ""

    def destroy(self, may_fail=False, **variables):
        options = ("-auto-approve", *assigned(variables))
        return self.terraform("destroy", *_HOW, *options, may_fail=may_fail)


_HOW = ("-input=false", "-no-color")


def assigned(variables):
    """Return the options that set variables of Terraform."""
    given = {"project": PROJECT, **variables}
    return [
        f"-var={name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in given.items()
    ]
