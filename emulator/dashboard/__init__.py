"""What runs in `up`, seen and steered from outside: the HTTP API of commands and dashboard."""
