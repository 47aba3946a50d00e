"""google-cloud-pubsub's message types as plain protobuf classes, without its clients.

The proto-plus wrappers that the package exposes cost more per message than delivering it, and
`import google.pubsub_v1` loads clients, credentials and transports: three quarters of the time
that the broker needs to start. So only the module that defines the types is imported.
"""

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any

_PACKAGE = "google.pubsub_v1"


def _load_types() -> ModuleType:
    """Import the types without running the `__init__` of the packages they are in.

    Bare stand-ins take the packages' places meanwhile. They are removed at once: whoever
    imports the package later gets the real one, with these same types.
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


def _plain(name: str) -> Any:
    return getattr(_types, name).pb()


AcknowledgeRequest = _plain("AcknowledgeRequest")
CreateSnapshotRequest = _plain("CreateSnapshotRequest")
DeleteSnapshotRequest = _plain("DeleteSnapshotRequest")
DeleteSubscriptionRequest = _plain("DeleteSubscriptionRequest")
DeleteTopicRequest = _plain("DeleteTopicRequest")
DetachSubscriptionRequest = _plain("DetachSubscriptionRequest")
DetachSubscriptionResponse = _plain("DetachSubscriptionResponse")
GetSnapshotRequest = _plain("GetSnapshotRequest")
GetSubscriptionRequest = _plain("GetSubscriptionRequest")
GetTopicRequest = _plain("GetTopicRequest")
ListSnapshotsRequest = _plain("ListSnapshotsRequest")
ListSnapshotsResponse = _plain("ListSnapshotsResponse")
ListSubscriptionsRequest = _plain("ListSubscriptionsRequest")
ListSubscriptionsResponse = _plain("ListSubscriptionsResponse")
ListTopicSnapshotsRequest = _plain("ListTopicSnapshotsRequest")
ListTopicSnapshotsResponse = _plain("ListTopicSnapshotsResponse")
ListTopicSubscriptionsRequest = _plain("ListTopicSubscriptionsRequest")
ListTopicSubscriptionsResponse = _plain("ListTopicSubscriptionsResponse")
ListTopicsRequest = _plain("ListTopicsRequest")
ListTopicsResponse = _plain("ListTopicsResponse")
ModifyAckDeadlineRequest = _plain("ModifyAckDeadlineRequest")
ModifyPushConfigRequest = _plain("ModifyPushConfigRequest")
PublishRequest = _plain("PublishRequest")
PublishResponse = _plain("PublishResponse")
PubsubMessage = _plain("PubsubMessage")
PullRequest = _plain("PullRequest")
SeekRequest = _plain("SeekRequest")
SeekResponse = _plain("SeekResponse")
Snapshot = _plain("Snapshot")
StreamingPullRequest = _plain("StreamingPullRequest")
StreamingPullResponse = _plain("StreamingPullResponse")
Subscription = _plain("Subscription")
Topic = _plain("Topic")
UpdateSnapshotRequest = _plain("UpdateSnapshotRequest")
UpdateSubscriptionRequest = _plain("UpdateSubscriptionRequest")
UpdateTopicRequest = _plain("UpdateTopicRequest")
