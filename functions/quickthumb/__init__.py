"""QuickThumb behind its entry points."""
