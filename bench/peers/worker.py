"""Runs a worker: `python worker.py Worker`, which forks for each job, or `SimpleWorker`.

A script as RQ's documentation advises where speed matters: what the jobs import is imported before
a worker forks (https://python-rq.org/docs/workers/#performance-notes).
"""

import os
import sys

import rq
import tasks  # noqa: F401 - for the jobs
from redis import Redis

KINDS = {"Worker": rq.Worker, "SimpleWorker": rq.SimpleWorker}

if __name__ == "__main__":
    if os.environ.get("BUCKET"):
        import google.cloud.storage  # noqa: F401
    worker = KINDS[sys.argv[1]](["default"], connection=Redis.from_url(os.environ["REDIS_URL"]))
    worker.work(logging_level="WARNING")
