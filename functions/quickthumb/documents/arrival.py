"""The notification by Cloud Storage that a blob was written."""

import re
from collections.abc import Mapping
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from quickthumb.documents import untrusted
from quickthumb.documents.job import Job
from quickthumb.documents.names import blob_name, id_of
from quickthumb.documents.untrusted import MAX_WHOLE, shown
from quickthumb.problems import InvalidMessage

_ATTRIBUTES = {"bucket": "bucketId", "name": "objectId", "generation": "objectGeneration"}


class Arrival(msgspec.Struct, frozen=True, rename=_ATTRIBUTES):
    """A blob that was written.

    The attributes of a notification suffice, so its payload may be empty:
    https://docs.cloud.google.com/storage/docs/pubsub-notifications#attributes

    Attributes:
        bucket: of the blob.
        name: of the blob.
        generation: the version that was written.
    """

    bucket: str
    name: str
    generation: Annotated[int, Meta(ge=1, le=MAX_WHOLE)]

    @property
    def job(self) -> Job:
        """The job, without renditions: those are in the metadata of the blob."""
        id = id_of(self.bucket, self.name, self.generation)
        return Job(id, self.bucket, self.name, self.generation, ())

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, str]) -> Self | None:
        """Parse the attributes of a message; None if it is not from Cloud Storage.

        Raises:
            InvalidMessage: the notification is malformed, or about another event.
        """
        event = attributes.get("eventType")
        if event is None:
            return None
        try:
            if event != "OBJECT_FINALIZE":
                raise InvalidMessage(f"eventType: {shown(event)}: expected OBJECT_FINALIZE")
            text = attributes.get("objectGeneration", "")
            generation = int(text) if re.fullmatch("[0-9]{1,19}", text) else text
            arrival = untrusted.convert(cls, {**attributes, "objectGeneration": generation})
            blob_name(arrival.name)
        except InvalidMessage as error:
            raise InvalidMessage(f"notification of Cloud Storage: {error}") from error
        return arrival
