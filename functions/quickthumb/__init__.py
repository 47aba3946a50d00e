"""QuickThumb without its entry points."""
