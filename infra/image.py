"""Builds the image of the functions with Cloud Build, unless it exists, and prints its name.

    python3 infra/image.py --project=my-project --region=europe-west1

The name derives from the content of functions/ and the topology's runtime, as in image.tf, so
Terraform deploys the current content. Needs gcloud, infra/foundation applied, and Python's standard
library.
"""

import argparse
import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
FUNCTIONS = HERE.parent / "functions"


class Failed(Exception):
    """The image could not be built. The message says why."""


def source_files(folder: Path = FUNCTIONS) -> list[str]:
    """Return the names of the files that go into an image, in order."""
    names = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return sorted(name for name in names if not re.search(r"(^|/)__pycache__/|\.pyc$", name))


def runtime(topology: Path = HERE / "topology.yaml") -> str:
    """Return the topology's runtime, such as python313.

    Raises:
        Failed: it names none.
    """
    found = re.search(r"^runtime: *(python3\d+) *(#.*)?$", topology.read_text(), re.MULTILINE)
    if not found:
        raise Failed(f"{topology}: expected a line such as `runtime: python313`")
    return found[1]


def python_version(name: str) -> str:
    """Return the buildpack's name of a runtime: python313 is 3.13.x."""
    return f"3.{name.removeprefix('python3')}.x"


def content_hash(folder: Path = FUNCTIONS, runtime_name: str | None = None) -> str:
    """Return the tag of the image, computed as in image.tf."""
    lines = [runtime_name or runtime()]
    for name in source_files(folder):
        lines.append(f"{name} {hashlib.sha256((folder / name).read_bytes()).hexdigest()}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def image_name(project: str, region: str) -> str:
    """Return the full name of the image, without its tag."""
    return f"{region}-docker.pkg.dev/{project}/quickthumb/functions"


def is_built(image: str, tag: str) -> bool:
    """Return whether the image exists; False if gcloud cannot tell."""
    command = ["gcloud", "artifacts", "docker", "tags", "list", image]
    result = subprocess.run(
        [*command, f"--filter=tag:{tag}", "--format=value(tag)"],
        capture_output=True,
        text=True,
        check=False,
    )
    return tag in result.stdout.split()


def build(project: str, image: str, tag: str) -> None:
    """Build the image.

    Raises:
        Failed: gcloud says that it could not.
    """
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "functions.tgz"
        with tarfile.open(archive, "w:gz") as packed:
            for name in source_files():
                packed.add(FUNCTIONS / name, arcname=name)
        account = f"quickthumb-build@{project}.iam.gserviceaccount.com"
        command = [
            *("gcloud", "builds", "submit", str(archive), f"--project={project}"),
            f"--config={HERE / 'image.yaml'}",
            f"--substitutions=_IMAGE={image}:{tag},_PYTHON={python_version(runtime())}",
            f"--service-account=projects/{project}/serviceAccounts/{account}",
            f"--gcs-source-staging-dir=gs://{project}-quickthumb-sources/{tag}",
            "--suppress-logs",  # they are in Cloud Logging; gcloud prints the URL
        ]
        # Its output is for people; only the name goes to standard output.
        status = subprocess.run(command, stdout=sys.stderr, check=False).returncode
    if status:
        raise Failed(
            f"The image could not be built: `gcloud builds submit` failed with status {status}. "
            "The reason is above, or in the log at the URL above. If permission was denied, apply "
            "infra/foundation first; it waits for its grants to propagate."
        )


def main(arguments: Sequence[str]) -> int:
    """Build the image if it does not exist, and print its name."""
    parser = argparse.ArgumentParser(prog="image.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--project", required=True, help="Google Cloud project id")
    parser.add_argument("--region", default="europe-west1", help="of the image repository")
    options = parser.parse_args(arguments)
    image = image_name(options.project, options.region)
    try:
        tag = content_hash()
        if is_built(image, tag):
            sys.stderr.write("The image exists already.\n")
        else:
            build(options.project, image, tag)
    except Failed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except FileNotFoundError as error:
        sys.stderr.write(f"{error.filename} was not found. Is gcloud on PATH?\n")
        return 1
    sys.stdout.write(f"{image}:{tag}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
