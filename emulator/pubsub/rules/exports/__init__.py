"""Subscriptions that write files to Cloud Storage: their settings, file names, batches and formats.

https://docs.cloud.google.com/pubsub/docs/cloudstorage
"""
