"""Access policies of resources. They are kept, and never enforced.

https://docs.cloud.google.com/pubsub/docs/reference/rpc/google.iam.v1
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from google.iam.v1 import policy_pb2

from emulator.pubsub.rules.errors import Aborted, InvalidArgument, NotFound
from emulator.pubsub.rules.registry import Registry

# What production returns for a resource without a policy.
_NO_POLICY_ETAG = b"\x00\x20\x01"

_VERSIONS = (0, 1, 3)
_FIELDS = ("bindings", "etag", "version", "audit_configs")


class Access:
    """Reads and replaces the access policies of a registry's resources."""

    def __init__(self, registry: Registry) -> None:
        """Use the resources of a registry."""
        self._registry = registry
        self._ledger = registry.router.ledger

    def policy(self, resource: str) -> Any:
        """Return the `Policy` of a resource.

        Raises:
            NotFound: If the resource does not exist.
            InvalidArgument: If its name is invalid.
        """
        found = self._registry.resource(resource)
        policy = policy_pb2.Policy.FromString(found.access)
        policy.etag = policy.etag or _NO_POLICY_ETAG
        return policy

    def set_policy(self, resource: str, policy: Any, mask: Any) -> Any:
        """Replace the `Policy` of a resource, and return the new one.

        Args:
            resource: Full name.
            policy: If it has an etag, it must be that of the current policy.
            mask: Names the fields to change; if it is empty, all are.

        Raises:
            NotFound: If the resource does not exist.
            InvalidArgument: If a name, the mask or the policy is invalid.
            Aborted: If the etag is not that of the current policy.
        """
        changed = self.policy(resource)
        if policy.etag and policy.etag != changed.etag:
            raise Aborted(
                "There were concurrent policy changes. Read the policy again, and repeat the"
                " change with its etag."
            )
        paths = set(mask.paths or _FIELDS)
        if unknown := paths.difference(_FIELDS):
            raise InvalidArgument(f"Invalid update_mask: a policy has no field {min(unknown)}.")
        for field in paths - {"etag"}:
            changed.ClearField(field)
            given = policy_pb2.Policy()
            given.CopyFrom(policy)
            for other in set(_FIELDS) - {field}:
                given.ClearField(other)
            changed.MergeFrom(given)
        _check(changed)
        changed.etag = b""
        content = changed.SerializeToString(deterministic=True)
        found = self._registry.resource(resource)
        # The same policy set twice is two policies, as far as a reader of the first is concerned.
        changed.etag = hashlib.sha256(found.access + content).digest()[:8]
        found.access = changed.SerializeToString()
        self._ledger.access_saved(resource, found.access)
        return changed

    def permissions(self, resource: str, wanted: Sequence[str]) -> list[str]:
        """Return which permissions the caller has: all, or none if the resource does not exist.

        Raises:
            InvalidArgument: If a permission contains a wildcard, or the name is invalid.
        """
        for permission in wanted:
            if "*" in permission:
                raise InvalidArgument(f"Invalid permission {permission}: it contains a wildcard.")
        try:
            self._registry.resource(resource)
        except NotFound:
            return []
        return list(wanted)


def _check(policy: Any) -> None:
    if policy.version not in _VERSIONS:
        raise InvalidArgument(f"Invalid policy version {policy.version}: it must be 0, 1 or 3.")
    for binding in policy.bindings:
        if not binding.role:
            raise InvalidArgument("A binding of the policy has no role.")
        if binding.HasField("condition") and policy.version != 3:
            raise InvalidArgument("A policy with a condition must have version 3.")
