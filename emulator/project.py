"""The emulated Google Cloud project: its files, its name, and the full names of its resources."""

import sys
from pathlib import Path

from emulator.bootstrap import ROOT

FILES = ROOT if (ROOT / "functions").is_dir() else Path(__file__).with_name("project_files")
"""Has `functions` and `infra/topology.yaml`: the checkout, or what a wheel has brought along."""

PROGRAM = "quickthumb" if Path(sys.argv[0]).stem == "quickthumb" else "python3 -m emulator"
"""How the user has started this program."""

PROJECT = "quickthumb"

# As Terraform names the accounts and the buckets.
PUSHER = f"quickthumb-push@{PROJECT}.iam.gserviceaccount.com"
"""The account whose tokens Pub/Sub and the scheduler send to functions."""

NOTIFIER = f"notify@{PROJECT}.iam.gserviceaccount.com"
"""The account whose tokens are sent with finished jobs to `up --notify`."""


def bucket_name(name: str) -> str:
    """Return the full name of a bucket."""
    return f"{PROJECT}-{name}"


def topic_path(topic: str) -> str:
    """Return the full name of a topic."""
    return f"projects/{PROJECT}/topics/{topic}"


def subscription_path(subscription: str) -> str:
    """Return the full name of a subscription."""
    return f"projects/{PROJECT}/subscriptions/{subscription}"
