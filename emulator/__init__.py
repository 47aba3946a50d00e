"""The local cloud: runs QuickThumb on one machine, without accounts, Docker or Java."""

__version__ = "1.0.0"
