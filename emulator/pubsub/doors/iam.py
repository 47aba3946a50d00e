"""The gRPC service `google.iam.v1.IAMPolicy`."""

from typing import Any

from emulator.pubsub import protos
from emulator.pubsub.doors import calls
from emulator.pubsub.doors.backend import Backend
from emulator.pubsub.rules.access import Access

NAME = "google.iam.v1.IAMPolicy"


def methods(backend: Backend) -> dict[str, calls.Method]:
    """Return the methods of the service by name."""
    access = Access(backend.registry)

    def test(request: Any) -> Any:
        held = access.permissions(request.resource, request.permissions)
        return protos.TestIamPermissionsResponse(permissions=held)

    reading: dict[str, calls.Handler] = {
        "GetIamPolicy": lambda request: access.policy(request.resource),
        "TestIamPermissions": test,
    }
    changing: dict[str, calls.Handler] = {
        "SetIamPolicy": lambda request: access.set_policy(
            request.resource, request.policy, request.update_mask
        ),
    }
    return calls.unary(reading) | calls.unary(changing, backend.journaled)
