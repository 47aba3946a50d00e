"""A bucket as google-cloud-storage has it: the reference for ours."""

from google.api_core.exceptions import GoogleAPIError, NotFound, PreconditionFailed
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.cloud.storage.retry import DEFAULT_RETRY
from requests import RequestException

from quickthumb.buckets import Blob, Content
from quickthumb.problems import Unavailable

ERRORS = (GoogleAPIError, RequestException, InvalidResponse, DataCorruption)


class LibraryBucket:
    """The calls of `Bucket`, made with the client library."""

    def __init__(self, url, name, call_seconds):
        self.name = name
        options = {"api_endpoint": url}
        client = storage.Client("p", AnonymousCredentials(), client_options=options)
        self._client, self._bucket = client, client.bucket(name)
        retry = DEFAULT_RETRY.with_delay(initial=0.1, maximum=2).with_timeout(call_seconds)
        self._patience = {"retry": retry, "timeout": (min(call_seconds, 3.0), call_seconds)}

    def _ask(self, call, *arguments, **options):
        try:
            return call(*arguments, **options, **self._patience)
        except (NotFound, PreconditionFailed):
            raise
        except ERRORS as error:
            raise Unavailable(f"{self.name}: {error}") from error

    def create(self, name, data, content_type, metadata):
        blob = self._bucket.blob(name)
        blob.metadata = dict(metadata)
        options = {"content_type": content_type, "if_generation_match": 0}
        try:
            self._ask(blob.upload_from_string, data, **options)
        except PreconditionFailed:
            return None
        except NotFound as error:
            raise Unavailable(f"{self.name}: {error}") from error
        return int(blob.generation)

    def begin(self, name, size, content_type, metadata, origin):
        blob = self._bucket.blob(name)
        blob.metadata = dict(metadata)
        options = {"content_type": content_type, "size": size, "origin": origin}
        return self._ask(blob.create_resumable_upload_session, if_generation_match=0, **options)

    def write(self, name, data, content_type, cache_control, metadata=None, if_generation=None):
        blob = self._bucket.blob(name)
        blob.cache_control = cache_control
        if metadata:
            blob.metadata = dict(metadata)
        options = {"content_type": content_type, "if_generation_match": if_generation}
        try:
            self._ask(blob.upload_from_string, data, **options)
        except PreconditionFailed:
            return False
        except NotFound as error:
            if if_generation:  # fake-gcs-server, where there is no blob
                return False
            raise Unavailable(f"{self.name}: {error}") from error
        return True

    def read(self, name, generation=None):
        blob = self._bucket.blob(name, generation=generation)
        try:
            return self._ask(blob.download_as_bytes, single_shot_download=True)
        except NotFound:
            return None

    def fetch(self, name):
        blob = self._bucket.blob(name)
        try:
            data = self._ask(blob.download_as_bytes, single_shot_download=True)
        except NotFound:
            return None
        return Content(data, blob.generation)

    def stat(self, name):
        blob = self._ask(self._bucket.get_blob, name)
        return _described(blob) if blob else None

    def delete(self, name, generation=None):
        try:
            self._ask(self._bucket.blob(name, generation=generation).delete)
        except NotFound:
            return False
        return True

    def walk(self, prefix="", start="", end=""):
        options = {
            "prefix": prefix or None,
            "start_offset": start or None,
            "end_offset": end or None,
        }
        yield from map(
            _described,
            self._ask(
                lambda **given: list(self._client.list_blobs(self._bucket, **options, **given))
            ),
        )


def _described(blob):
    about = (blob.name, blob.content_type, blob.size, blob.generation, blob.updated)
    return Blob(*about, blob.metadata or {})
