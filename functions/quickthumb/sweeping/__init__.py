"""The parts of `quickthumb.sweep`."""
