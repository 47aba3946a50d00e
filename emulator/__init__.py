"""The local cloud: runs QuickThumb on one machine, without an account, Docker or Java."""

__version__ = "1.0.0"
