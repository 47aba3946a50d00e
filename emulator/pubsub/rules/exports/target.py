"""Where and how a Cloud Storage subscription writes, as clients describe it.

https://docs.cloud.google.com/pubsub/docs/create-cloudstorage-subscription#subscription_properties
"""

import re
from typing import Any

from emulator.pubsub.rules.errors import InvalidArgument, Unimplemented
from emulator.pubsub.rules.exports import naming
from emulator.pubsub.rules.limits import check_duration
from emulator.pubsub.rules.policies import ExportTarget

_ACTIVE = 1

_DURATION_SECONDS = (60, 600)
_DEFAULT_DURATION = 300
_FILE_BYTES = (1_000, 10 * 1024**3)
_LEAST_MESSAGES = 1_000

# https://docs.cloud.google.com/storage/docs/buckets#naming
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_NO_NAME = re.compile(r"[\r\n]")


def complete(config: Any) -> ExportTarget:
    """Check a `CloudStorageConfig`, fill in the defaults, and return what it says.

    Raises:
        InvalidArgument: If a value is invalid.
        Unimplemented: If files are to have the schema of the topic.
    """
    if not _BUCKET.fullmatch(config.bucket):
        raise _invalid("bucket", config.bucket, "It must be the name of a bucket, without gs://.")
    for field in ("filename_prefix", "filename_suffix"):
        if _NO_NAME.search(getattr(config, field)):
            raise _invalid(field, getattr(config, field), "Names of blobs have no line breaks.")
    if config.filename_suffix.endswith("/"):
        raise _invalid("filename_suffix", config.filename_suffix, "It must not end in /.")
    naming.check(config.filename_datetime_format)
    if config.avro_config.use_topic_schema:
        raise Unimplemented(
            "cloud_storage_config.avro_config.use_topic_schema: this broker writes only the schema"
            " of messages, com.google.pubsub.PubsubMessage, because it checks data against a"
            " topic's schema without converting it."
        )
    if config.WhichOneof("output_format") is None:
        config.text_config.SetInParent()
    config.state = _ACTIVE
    return ExportTarget(
        bucket=config.bucket,
        prefix=config.filename_prefix,
        suffix=config.filename_suffix,
        datetime_format=config.filename_datetime_format,
        avro=config.HasField("avro_config"),
        write_metadata=config.avro_config.write_metadata,
        max_seconds=_max_seconds(config),
        max_bytes=_max_bytes(config),
        max_messages=_max_messages(config),
    )


def _max_seconds(config: Any) -> float:
    if not config.HasField("max_duration"):
        config.max_duration.FromSeconds(_DEFAULT_DURATION)
    duration = config.max_duration
    seconds = float(duration.seconds + duration.nanos / 1_000_000_000)
    check_duration("cloud_storage_config.max_duration", seconds, *_DURATION_SECONDS)
    return seconds


def _max_bytes(config: Any) -> int | None:
    lowest, highest = _FILE_BYTES
    if config.max_bytes and not lowest <= config.max_bytes <= highest:
        raise _invalid(
            "max_bytes", config.max_bytes, f"It must be between {lowest} and {highest} bytes."
        )
    return config.max_bytes or None


def _max_messages(config: Any) -> int | None:
    if config.max_messages and config.max_messages < _LEAST_MESSAGES:
        raise _invalid("max_messages", config.max_messages, f"The least is {_LEAST_MESSAGES}.")
    return config.max_messages or None


def _invalid(field: str, value: object, rule: str) -> InvalidArgument:
    return InvalidArgument(f"Invalid cloud_storage_config.{field}: {value}. {rule}")
