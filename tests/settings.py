"""Settings for tests: the required ones, and defaults for the rest."""

from typing import Any

from quickthumb.settings import Settings

ENV = {
    "QUICKTHUMB_ORIGINALS_BUCKET": "originals",
    "QUICKTHUMB_PROCESSED_BUCKET": "processed",
    "QUICKTHUMB_REQUESTS_BUCKET": "requests",
    "QUICKTHUMB_UPLOADS_TOPIC": "projects/p/topics/uploads",
    "QUICKTHUMB_COMPLETED_TOPIC": "projects/p/topics/completed",
}
"""The required variables."""


def settings_with(**given: Any) -> Settings:
    """Return valid settings with some replaced."""
    return Settings(
        *("originals", "processed", "requests"),
        *("projects/p/topics/uploads", "projects/p/topics/completed"),
        **given,
    )
