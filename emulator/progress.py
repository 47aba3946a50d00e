"""A progress bar on stderr, shown only on a terminal."""

from rich.console import Console
from rich.progress import Progress, ProgressColumn, TextColumn


def progress_bar(*columns: ProgressColumn) -> Progress:
    """Return a progress bar with a description and these columns."""
    terminal = Console(stderr=True)
    hidden = not terminal.is_terminal
    return Progress(TextColumn("{task.description}"), *columns, console=terminal, disable=hidden)
