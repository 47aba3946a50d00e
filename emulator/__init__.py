"""The cloud on one machine: everything QuickThumb needs, with nothing but Python."""
