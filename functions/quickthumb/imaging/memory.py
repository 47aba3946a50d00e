"""What decoding a picture holds in memory, reckoned from its header."""
