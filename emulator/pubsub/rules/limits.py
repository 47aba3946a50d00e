"""Limits of values in requests; each check raises `InvalidArgument` if the value is out of range.

https://docs.cloud.google.com/pubsub/quotas#resource_limits
"""

from emulator.pubsub.rules.errors import InvalidArgument

ACK_DEADLINE_SECONDS = (10, 600)


def check_value(name: str, value: int, lowest: int, highest: int) -> None:
    """Check a number."""
    if value < lowest:
        size, bound = "small", f"minimum value is {lowest}"
    elif value > highest:
        size, bound = "large", f"maximum value is {highest}"
    else:
        return
    raise InvalidArgument(
        f"The value for {name} is too {size}. You passed {value} in the request, but the {bound}."
    )


def check_duration(field: str, seconds: float, lowest: int, highest: int) -> None:
    """Check a duration in seconds."""
    if not lowest <= seconds <= highest:
        raise InvalidArgument(
            f"Invalid {field}: {seconds:g} s. It must be between {lowest} and {highest} seconds."
        )


def check_ack_deadline(seconds: int, lowest: int = ACK_DEADLINE_SECONDS[0]) -> None:
    """Check an ack deadline in seconds."""
    highest = ACK_DEADLINE_SECONDS[1]
    if not lowest <= seconds <= highest:
        raise InvalidArgument(
            f"Invalid ack deadline given (ack_deadline={seconds}). The ack deadline must be"
            f" between {lowest} and {highest} seconds."
        )
