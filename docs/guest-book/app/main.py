import base64
import os
from functools import cache

import functions_framework
from google.cloud import pubsub_v1, storage

publisher = cache(pubsub_v1.PublisherClient)
storage_client = cache(storage.Client)


@functions_framework.http
def sign(request):
    publisher().publish(os.environ["SIGNED"], request.get_data()).result()
    return "Thank you.\n", 202


@functions_framework.cloud_event
def keep(event):
    message = event.data["message"]
    entry = base64.b64decode(message["data"])
    pages = storage_client().bucket(os.environ["PAGES"])
    pages.blob(f"entries/{message['messageId']}").upload_from_string(entry)


@functions_framework.cloud_event
def greet(event):
    print("New entry:", event.data["message"]["attributes"]["objectId"])


@functions_framework.http
def count(request):
    pages = storage_client().bucket(os.environ["PAGES"])
    entries = list(pages.list_blobs(prefix="entries/"))
    pages.blob("count").upload_from_string(f"{len(entries)} entries\n")
    return ""
