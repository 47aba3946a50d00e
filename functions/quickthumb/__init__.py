"""What stands behind the entry points of QuickThumb."""
