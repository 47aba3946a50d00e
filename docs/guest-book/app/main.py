"""A guest book: keeps what it is sent, greets, and counts every minute."""

import base64
import os
from functools import cache

import functions_framework
from google.cloud import pubsub_v1, storage

publisher = cache(pubsub_v1.PublisherClient)


@functions_framework.http
def sign(request):
    """Publish an entry, and answer at once."""
    publisher().publish(os.environ["SIGNED"], request.get_data()).result()
    return "Thank you.\n", 202


@functions_framework.cloud_event
def keep(event):
    """Write an entry to the bucket."""
    message = event.data["message"]
    entry = base64.b64decode(message["data"])
    pages().blob(f"entries/{message['messageId']}").upload_from_string(entry)


@functions_framework.cloud_event
def greet(event):
    """Learn of an entry in the bucket."""
    print("New entry:", event.data["message"]["attributes"]["objectId"])


@functions_framework.http
def count(_request):
    """Count the entries."""
    entries = list(pages().list_blobs(prefix="entries/"))
    pages().blob("count").upload_from_string(f"Entries: {len(entries)}\n")
    return ""


@cache
def pages():
    """Return the bucket."""
    return storage.Client().bucket(os.environ["PAGES"])
