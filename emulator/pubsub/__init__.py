"""A Pub/Sub broker that speaks the real gRPC API and behaves like production.

The rules of delivery (`rules`) know no clock, no socket and no file. gRPC, HTTP push and the keys
of push tokens (`doors`) and the data folder (`journal`) are around them; `broker` puts them
together. See README.md for how to use it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.pubsub.broker import Broker

__all__ = ["Broker", "__version__"]

__version__ = "1.0.0"


def __getattr__(name: str) -> Any:
    # Loaded when it is used: who needs a part alone, or to be interrupted quietly, does not wait.
    if name == "Broker":
        from emulator.pubsub.broker import Broker

        return Broker
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
