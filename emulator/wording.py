"""Numbers of things, in words."""


def counted(number: int, thing: str) -> str:
    """Return a number and what it counts: "1 picture", "2,000 pictures"."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
