"""Avro files: the data of the messages, or the messages with their metadata.

https://docs.cloud.google.com/pubsub/docs/create-cloudstorage-subscription#file_format and
https://avro.apache.org/docs/1.11.1/specification/#object-container-files
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

CONTENT_TYPE = "application/octet-stream"

MARKER_BYTES = 16

_MAGIC = b"Obj\x01"

_DATA = {"name": "data", "type": "bytes"}
_METADATA = [
    {"name": "subscription_name", "type": "string"},
    {"name": "message_id", "type": "string"},
    {"name": "publish_time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "attributes", "type": {"type": "map", "values": "string"}},
]


def data_record(message: Any) -> bytes:
    """Return the data of a `PubsubMessage` as a record."""
    return _bytes(message.data)


def full_record(subscription: str, message: Any) -> bytes:
    """Return a `PubsubMessage` with its metadata as a record.

    Args:
        subscription: Full name of the subscription.
        message: What else is not data, such as an ordering key, is among the attributes.
    """
    attributes = dict(sorted(message.attributes.items()))
    if message.ordering_key:
        attributes["ordering_key"] = message.ordering_key
    return b"".join(
        (
            _bytes(subscription.encode()),
            _bytes(message.message_id.encode()),
            _long(message.publish_time.ToMicroseconds()),
            _map({key: value.encode() for key, value in attributes.items()}),
            _bytes(message.data),
        )
    )


def file(records: Sequence[bytes], marker: bytes, *, metadata: bool) -> bytes:
    """Return an object container file, without compression.

    Args:
        records: At least one.
        marker: 16 random bytes, which end each block.
        metadata: Whether the records have metadata.
    """
    schema = {
        "type": "record",
        "namespace": "com.google.pubsub",
        "name": "PubsubMessageWithMetadata" if metadata else "PubsubMessage",
        "fields": [*(_METADATA if metadata else ()), _DATA],
    }
    header = _map({"avro.schema": json.dumps(schema).encode(), "avro.codec": b"null"})
    block = b"".join(records)
    return b"".join((_MAGIC, header, marker, _long(len(records)), _long(len(block)), block, marker))


def _map(entries: Mapping[str, bytes]) -> bytes:
    """Encode a map whose values are bytes or strings: one block, and the end."""
    pairs = [_bytes(key.encode()) + _bytes(value) for key, value in entries.items()]
    return b"".join([_long(len(pairs)), *pairs, _long(0)] if pairs else [_long(0)])


def _bytes(data: bytes) -> bytes:
    return _long(len(data)) + data


def _long(number: int) -> bytes:
    """Encode a number: zigzag, then 7 bits per byte, lowest first."""
    rest = number << 1 if number >= 0 else (-number << 1) - 1
    encoded = bytearray()
    while rest >= 0x80:
        encoded.append(rest & 0x7F | 0x80)
        rest >>= 7
    encoded.append(rest)
    return bytes(encoded)
