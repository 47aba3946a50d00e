"""google-cloud-pubsub's message types as plain protobuf classes, without its clients.

The package's proto-plus wrappers cost more per message than its delivery, and `import
google.pubsub_v1` loads clients, credentials and transports, which takes three quarters of the
broker's start. So only the module that defines the types is imported.
"""

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any

_PACKAGE = "google.pubsub_v1"


def _load_types() -> ModuleType:
    """Import the types without running the `__init__` of their packages.

    During the import, empty modules stand in for the packages. A later import of the package gets
    the real one, with the same types.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if _PACKAGE in sys.modules or spec is None or not spec.submodule_search_locations:
        return importlib.import_module(f"{_PACKAGE}.types.pubsub")
    (folder,) = spec.submodule_search_locations
    stand_ins = {_PACKAGE: folder, f"{_PACKAGE}.types": f"{folder}/types"}
    for name, path in stand_ins.items():
        module = ModuleType(name)
        module.__path__ = [path]
        sys.modules[name] = module
    try:
        return importlib.import_module(f"{_PACKAGE}.types.pubsub")
    finally:
        for name in stand_ins:
            del sys.modules[name]


_types = _load_types()


def __getattr__(name: str) -> Any:
    """Return a message type by its name, and cache it."""
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    kind = globals()[name] = getattr(_types, name).pb()
    return kind
