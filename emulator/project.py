"""The emulated Google Cloud project: its files and the full names of its resources."""

import sys
from pathlib import Path

from emulator.bootstrap import ROOT

FILES = ROOT if (ROOT / "functions").is_dir() else Path(__file__).with_name("project_files")
"""Contains `functions` and `infra/topology.yaml`: the checkout, or their copy in a wheel."""

PROGRAM = "quickthumb" if Path(sys.argv[0]).stem == "quickthumb" else "python3 -m emulator"
"""The command that started this program."""

PROJECT = "quickthumb"

# Terraform uses the same names.
PUSHER = f"quickthumb-push@{PROJECT}.iam.gserviceaccount.com"
"""The service account of the tokens that functions receive."""

NOTIFIER = f"notify@{PROJECT}.iam.gserviceaccount.com"
"""The service account of the tokens that the URL of `up --notify` receives."""


def bucket_name(name: str, project: str = PROJECT) -> str:
    """Return the full name of a bucket."""
    return f"{project}-{name}"


def topic_path(topic: str, project: str = PROJECT) -> str:
    """Return the full name of a topic."""
    return f"projects/{project}/topics/{topic}"


def subscription_path(subscription: str, project: str = PROJECT) -> str:
    """Return the full name of a subscription."""
    return f"projects/{project}/subscriptions/{subscription}"
