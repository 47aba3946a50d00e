"""What Cloud Storage subscriptions write: settings, names, batches, formats."""

import pytest

from emulator.pubsub import protos
from emulator.pubsub.rules.errors import InvalidArgument, Unimplemented
from emulator.pubsub.rules.exports import avro_file, text
from emulator.pubsub.rules.exports.batch import MOST_BYTES, Batch
from emulator.pubsub.rules.exports.naming import blob_name
from emulator.pubsub.rules.exports.target import complete
from emulator.pubsub.rules.policies import ExportTarget

NOON = 1_695_615_000.0  # 2023-09-25, 04:10:00 UTC


def config(**fields):
    return protos.CloudStorageConfig(**{"bucket": "archive", **fields})


def test_a_config_gets_the_defaults_of_production():
    described = config()
    assert complete(described) == ExportTarget("archive", max_seconds=300.0)
    assert described.max_duration.seconds == 300
    assert described.WhichOneof("output_format") == "text_config"
    assert described.state == 1


def test_a_config_says_what_is_written():
    described = config(
        filename_prefix="a/",
        filename_suffix=".avro",
        filename_datetime_format="YYYY-MM-DD/hh_mm_ssZ",
        avro_config={"write_metadata": True},
        max_duration={"seconds": 60},
        max_bytes=1_000,
        max_messages=1_000,
    )
    assert complete(described) == ExportTarget(
        bucket="archive",
        prefix="a/",
        suffix=".avro",
        datetime_format="YYYY-MM-DD/hh_mm_ssZ",
        avro=True,
        write_metadata=True,
        max_seconds=60.0,
        max_bytes=1_000,
        max_messages=1_000,
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"bucket": ""},
        {"bucket": "gs://archive"},
        {"filename_suffix": "a/"},
        {"filename_prefix": "a\nb"},
        {"max_duration": {"seconds": 59}},
        {"max_duration": {"seconds": 601}},
        {"max_bytes": 999},
        {"max_bytes": 10 * 1024**3 + 1},
        {"max_messages": 999},
        {"max_messages": -1},
    ],
)
def test_a_value_out_of_range_is_refused_by_name(fields):
    with pytest.raises(InvalidArgument, match=f"cloud_storage_config.{next(iter(fields))}"):
        complete(config(**fields))


def test_the_schema_of_a_topic_is_refused_with_the_reason():
    with pytest.raises(Unimplemented, match=r"use_topic_schema.*without converting"):
        complete(config(avro_config={"use_topic_schema": True}))


@pytest.mark.parametrize(
    "datetime_format",
    [
        "YYYY-MM-DD",
        "YY-YYYY-MM-DDThh:mm:ss",
        "YYYY-MMM-DDThh:mm:ss",
        "YYYY-MM-MM-DDThh:mm:ss",
        "YYYY-MM-DD hh:mm:ss",
        "YYYY-MM-DDThh:mm:ssTZ",
        "YYYY-MM-DDThh:mm:ssZ+00:00",
        "%Y-MM-DDThh:mm:ss",
    ],
)
def test_a_date_format_with_something_else_or_twice_the_same_is_refused(datetime_format):
    with pytest.raises(InvalidArgument, match="filename_datetime_format"):
        complete(config(filename_datetime_format=datetime_format))


@pytest.mark.parametrize(
    ("datetime_format", "name"),
    [
        ("", "prod_2023-09-25T04:10:00+00:00_uN1QuE_archive"),
        ("YYYY-MM-DD/hh_mm_ssZ", "prod_2023-09-25/04_10_00Z_uN1QuE_archive"),
        ("YYYY-MM-DDThh_mm_ss-", "prod_2023-09-25T04_10_00-uN1QuE_archive"),
        ("ss:mm:hh/DDMMYY", "prod_00:10:04/250923_uN1QuE_archive"),
    ],
)
def test_a_file_is_named_as_production_documents(datetime_format, name):
    target = ExportTarget("archive", "prod_", "_archive", datetime_format)
    complete(config(filename_datetime_format=datetime_format))
    assert blob_name(target, NOON, "uN1QuE") == name


def test_a_batch_is_complete_when_it_is_due():
    batch = Batch(ExportTarget("archive"), due=10.0)
    batch.add(1, b"x")
    assert not batch.is_complete(9.9)
    assert batch.is_complete(10.0)


def test_a_batch_is_complete_at_its_number_of_messages():
    batch = Batch(ExportTarget("archive", max_messages=2), due=10.0)
    batch.add(1, b"")
    assert not batch.is_complete(0.0)
    batch.add(2, b"")
    assert batch.is_complete(0.0)


def test_a_batch_exceeds_its_size_only_with_one_large_message():
    batch = Batch(ExportTarget("archive", max_bytes=1_000), due=10.0)
    assert batch.fits(bytes(2_000))
    batch.add(1, bytes(999))
    assert batch.fits(b"x")
    assert not batch.fits(b"xx")
    assert not batch.is_complete(0.0)
    batch.add(2, b"x")
    assert batch.is_complete(0.0)


def test_a_batch_without_limits_is_bounded_by_what_fits_in_memory():
    batch = Batch(ExportTarget("archive"), due=10.0)
    batch.add(1, bytes(MOST_BYTES))
    assert batch.is_complete(0.0)


def test_text_has_one_message_a_line():
    assert text.file([b"a", b"b"]) == b"a\nb"


def test_an_avro_file_without_metadata_is_that_of_the_specification():
    record = avro_file.data_record(protos.PubsubMessage(data=b"abc"))
    assert record == b"\x06abc"
    content = avro_file.file([record], b"m" * 16, metadata=False)
    assert content.startswith(b"Obj\x01\x04\x16avro.schema")
    assert b'"name": "PubsubMessage"' in content
    assert b"\x14avro.codec\x08null\x00" + b"m" * 16 in content
    # One record of four bytes, between markers.
    assert content.endswith(b"m" * 16 + b"\x02\x08\x06abc" + b"m" * 16)


def test_a_record_with_metadata_has_the_other_properties_among_the_attributes():
    message = protos.PubsubMessage(
        data=b"d" * 64, message_id="7", attributes={"k": "v"}, ordering_key="o"
    )
    message.publish_time.FromMicroseconds(1)
    assert avro_file.full_record("s", message) == (
        b"\x02s\x027\x02" + b"\x04\x02k\x02v\x18ordering_key\x02o\x00" + b"\x80\x01" + b"d" * 64
    )


def test_a_message_without_attributes_has_an_empty_map():
    message = protos.PubsubMessage(message_id="7")
    assert avro_file.full_record("s", message) == b"\x02s\x027\x00\x00\x00"
