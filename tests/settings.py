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


def on_a_bare_machine(monkeypatch, folder, environment=()):
    """Remove what could lead to a cloud (emulators, credentials), and set only these variables.

    Args:
        monkeypatch: the fixture of the test.
        folder: an empty one, instead of that in which gcloud keeps credentials.
        environment: the settings; others of `ENV` are unset.
    """
    for name in ("STORAGE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    for name in ENV:
        monkeypatch.delenv(name, raising=False)
    for name, value in dict(environment).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(folder))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
