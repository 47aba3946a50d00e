"""The parts of the local cloud: what runs, and how it is watched."""
