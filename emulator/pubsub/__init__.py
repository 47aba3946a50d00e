"""A Pub/Sub broker that speaks the real gRPC API and behaves like production.

The rules of delivery (`rules`) know no clock, no socket and no file. Around them are gRPC, HTTP
push and the keys of push tokens (`doors`), and the data folder (`journal`); `broker` puts them
together. README.md says how to use it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.pubsub.broker import Broker

__all__ = ["Broker", "__version__"]

__version__ = "1.0.0"


def __getattr__(name: str) -> Any:
    # Loaded on first use: importing a part of the package, or interrupting its start, stays quick.
    if name == "Broker":
        from emulator.pubsub.broker import Broker

        return Broker
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
