"""Topics that import from another service: the settings are kept, and nothing is imported.

A topic says so, as one in Google Cloud does whose source is missing: its state is
`INGESTION_RESOURCE_ERROR`, and the source has a state of its own.

https://docs.cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#ingestiondatasourcesettings
"""

from typing import Any

from emulator.pubsub.rules.errors import InvalidArgument

_ACTIVE = 1
_INGESTION_RESOURCE_ERROR = 2

# The number is the same for every kind of source: STREAM_NOT_FOUND of Kinesis, BUCKET_NOT_FOUND of
# Cloud Storage, NAMESPACE_NOT_FOUND of Event Hubs, CLUSTER_NOT_FOUND of Amazon's Kafka,
# UNREACHABLE_BOOTSTRAP_SERVER of Confluent Cloud.
_SOURCE_MISSING = 4

_REQUIRED = {
    "aws_kinesis": ("stream_arn", "consumer_arn", "aws_role_arn", "gcp_service_account"),
    "aws_msk": ("cluster_arn", "topic", "aws_role_arn", "gcp_service_account"),
    "confluent_cloud": (
        "bootstrap_server",
        "cluster_id",
        "topic",
        "identity_pool_id",
        "gcp_service_account",
    ),
}


def complete(topic: Any) -> None:
    """Check where a `Topic` imports from, if anywhere, and set its state and that of the source.

    Raises:
        InvalidArgument: If a required field of the source is missing.
    """
    kind = topic.ingestion_data_source_settings.WhichOneof("source")
    if kind is None:
        topic.state = _ACTIVE
        return
    source = getattr(topic.ingestion_data_source_settings, kind)
    missing = [field for field in _REQUIRED.get(kind, ()) if not getattr(source, field)]
    if missing:
        raise InvalidArgument(
            f"Invalid ingestion_data_source_settings.{kind} of {topic.name}: it must have"
            f" {', '.join(missing)}."
        )
    source.state = _SOURCE_MISSING
    topic.state = _INGESTION_RESOURCE_ERROR
