import pytest
from google.rpc.error_details_pb2 import ErrorInfo

from emulator.pubsub.doors.calls import status
from emulator.pubsub.rules.errors import AckIdsRefused, NotFound, SchemaMismatch

INVALID_ARGUMENT, NOT_FOUND = 3, 5


@pytest.mark.parametrize(
    ("error", "reason", "metadata"),
    [
        (
            AckIdsRefused({"a-1": AckIdsRefused.STALE}),
            "EXACTLY_ONCE_ACKID_FAILURE",
            {"a-1": "PERMANENT_FAILURE_INVALID_ACK_ID"},
        ),
        (
            SchemaMismatch("INVALID_JSON_AVRO_MESSAGE", "no name"),
            "INVALID_JSON_AVRO_MESSAGE",
            {"message": "Message failed schema validation", "revisionInfo": "no name"},
        ),
    ],
)
def test_an_error_has_the_details_that_client_libraries_read(error, reason, metadata):
    described, info = status(error), ErrorInfo()
    assert (described.code, described.message) == (INVALID_ARGUMENT, str(error))
    [detail] = described.details
    assert detail.Unpack(info)
    assert (info.reason, info.domain) == (reason, "pubsub.googleapis.com")
    assert dict(info.metadata) == metadata


def test_other_errors_have_none():
    assert status(NotFound("projects/p/topics/x")).code == NOT_FOUND
    assert not status(NotFound("projects/p/topics/x")).details


def test_a_text_that_quotes_a_large_request_fits_into_a_header():
    assert len(status(NotFound("x" * 100_000)).message) == 1000
    [detail] = status(SchemaMismatch("INVALID_JSON_AVRO_MESSAGE", "x" * 100_000)).details
    assert len(detail.value) < 1500
