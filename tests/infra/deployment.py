"""The project's Terraform, run on a cloud that is a file (`stub`)."""

import json
import shutil
from pathlib import Path

from tests.infra.hcl import INFRA
from tests.infra.stub.cloud import PROJECT, Cloud
from tests.infra.terraform import terraform

WHOLE = {"domain": "thumbs.example.com"}
"""Variables with which everything is made that can be made."""

_LEAVE = shutil.ignore_patterns(".terraform*", ".build", "__pycache__", "*.py", "*.json", "*.md")
_BACKEND = 'terraform {\n  backend "local" {}\n}\n'


class Deployment:
    """A copy of infra/ and functions/, and the cloud that it is applied to.

    Args:
        folder: an empty one, to work in.
        environment: what `stub.server.served` says of the cloud.
        cloud: the cloud.
    """

    def __init__(self, folder: Path, environment: dict[str, str], cloud: Cloud) -> None:
        self.root = folder
        self.cloud = cloud
        self._environment = environment
        if not (folder / "infra").exists():
            shutil.copytree(INFRA, folder / "infra", ignore=_LEAVE)
            shutil.copytree(INFRA.parent / "functions", folder / "functions", ignore=_LEAVE)
            (folder / "infra" / "backend_override.tf").write_text(_BACKEND)

    def terraform(self, *arguments, may_fail=False, root="infra"):
        """Run Terraform; return what became of it."""
        result = terraform(*arguments, cwd=self.root / root, env=self._environment)
        assert may_fail or result.returncode == 0, result.stdout + result.stderr
        return result

    def init(self, root="infra"):
        return self.terraform("init", "-input=false", "-no-color", root=root)

    def apply(self, *options, may_fail=False, **variables):
        """Apply with these variables, beside the project's name."""
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
