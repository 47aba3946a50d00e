"""Settings for tests: what every deployment has to say, and defaults for the rest."""

from typing import Any

from quickthumb.settings import Settings

ENV = {
    "QUICKTHUMB_ORIGINALS_BUCKET": "originals",
    "QUICKTHUMB_PROCESSED_BUCKET": "processed",
    "QUICKTHUMB_REQUESTS_BUCKET": "requests",
    "QUICKTHUMB_UPLOADS_TOPIC": "projects/p/topics/uploads",
    "QUICKTHUMB_COMPLETED_TOPIC": "projects/p/topics/completed",
}
"""The variables without which no function starts."""


def settings_with(**given: Any) -> Settings:
    """Return the settings of a deployment, with some of its own."""
    return Settings(
        *("originals", "processed", "requests"),
        *("projects/p/topics/uploads", "projects/p/topics/completed"),
        **given,
    )
