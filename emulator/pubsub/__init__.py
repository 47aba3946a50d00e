"""A Pub/Sub broker that speaks the real gRPC API and behaves like production.

`rules` contains the rules of delivery, which use no clock, socket or file; `doors` contains gRPC,
push over HTTP and the keys of push tokens; `journal` the data folder. `broker` connects them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.pubsub.broker import Broker

__all__ = ["Broker", "__version__"]

__version__ = "1.0.0"


def __getattr__(name: str) -> Any:
    # Imported on first use, so that importing a part of the package stays quick.
    if name == "Broker":
        from emulator.pubsub.broker import Broker

        return Broker
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
